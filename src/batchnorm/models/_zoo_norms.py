"""Which norm layers does a net of another library get that was just made?"""

from torch import nn

from ..errors import InputError
from ..functional import Activation
from ._norm_act import ActivationLayer


def take_norms(net: nn.Module, norm: str, name: str) -> None:
    """Give a net this library's layers in the place of its batch norms, or none; others that it has stay.

    A norm that ends with an activation, as timm's `BatchNormAct2d`, leaves that.

    Args:
        net: was just made: nobody knows its modules yet.
        norm: `"batchnorm"`, `"none"`, or `"torch"` for those that it has.
        name: of the net, for messages.

    Raises:
        InputError: a norm cannot be left out, for nobody knows what else it does.
    """
    from ..surgery import convert

    if norm == "torch":
        return
    report = convert(net)
    if norm == "none":
        for one in report.norms:
            if one.outcome == "left":
                problem = f"{one.name} of {name}, a {one.kind}, cannot be left out: {one.reason}"
                raise InputError(problem, argument="norm", cure="Take another net, or another norm.")
        _leave_out(net, frozenset(one.name for one in report.norms))


def _leave_out(net: nn.Module, names: frozenset[str]) -> None:
    norms = {net.get_submodule(name) for name in names}
    for parent in [*net.modules()]:
        for place, child in parent._modules.items():
            if child in norms:
                activation: Activation = getattr(child, "activation", None)
                parent._modules[place] = nn.Identity() if activation is None else ActivationLayer(activation)
