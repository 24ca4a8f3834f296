"""Which net is a checkpoint of one's own of, and what is it called with?"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError, InputTypeError, its_type
from ..models import build_own
from ._state_dict import take_off_wrappers


def own_net(path: Path, model: object, tensors: dict[str, Tensor]) -> tuple[nn.Module, str]:
    """Return the net with the weights of a checkpoint, in evaluation mode, and what had to be taken off their names.

    Args:
        path: the checkpoint.
        model: the own `package.module:function` that builds the net, without arguments.
        tensors: what is in it; they get the names that they have in the net.

    Raises:
        InputTypeError: `model` is no name, but a module, for one.
        InputError: the net cannot be built, or the weights do not fit it.
    """
    from ..surgery import take_dtypes

    if not isinstance(model, str):
        raise InputTypeError(
            argument="model",
            expected="'package.module:function', the name of the function that builds the model",
            got=its_type(model),
            cure="Load the weights into your model, and call batchnorm.recalibrate, fold or trace with it.",
        )
    net = build_own(model, {}, {}).eval()
    taken = take_off_wrappers(tensors, net.state_dict())
    try:
        take_dtypes(net, tensors)
        net.load_state_dict(tensors)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: does not fit the net of {model}: {_first_lines(error)}") from None
    return net, taken


def examples_of(shapes: Sequence[Sequence[int]], net: nn.Module) -> tuple[Tensor, ...]:
    """Return random numbers of the net's own kind, on its device, a tensor for each shape."""
    home = next((tensor for tensor in net.parameters() if tensor.is_floating_point()), torch.zeros(()))
    return tuple(torch.randn(*shape).to(home) for shape in shapes)


def _first_lines(error: Exception, count: int = 4) -> str:
    lines = [line.strip()[:300] for line in str(error).splitlines() if line.strip()]
    said = lines[1:] or lines  # torch begins with a heading
    return " ".join(said[:count]) + (" ..." if len(said) > count else "")
