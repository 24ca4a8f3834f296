"""Which norm layers does a net of another library get that was just made?"""

from torch import nn

from ..errors import InputError
from ..norms import is_norm


def take_norms(net: nn.Module, norm: str, name: str) -> None:
    """Give a net this library's layers in the place of its batch norms, or none; norms of other kinds stay.

    Where a norm ends with an activation of its own, as timm's `BatchNormAct2d`, that stays, too.

    Args:
        net: was just made: nobody else holds its modules yet.
        norm: `"batchnorm"`, `"none"`, or `"torch"` for those that it has.
        name: of the net, for messages.

    Raises:
        InputError: a norm cannot be left out, for nobody knows what else it does.
    """
    from ..surgery import convert

    if norm == "torch" or not any(map(is_norm, net.modules())):
        return
    report = convert(net)
    if norm == "batchnorm":
        return
    for one in report.norms:
        if one.outcome == "left":
            problem = f"{one.name} of {name}, a {one.kind}, cannot be left out: {one.reason}"
            raise InputError(problem, argument="norm", cure="Take another net, or another norm.")
    norms = {net.get_submodule(one.name) for one in report.norms}
    for parent in [*net.modules()]:
        for place, child in parent._modules.items():
            if child in norms:
                parent._modules[place] = nn.Sequential(*child.children())
