"""Which net is a checkpoint of one's own of, and what is it called with?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError, InputTypeError, its_type
from ..models import build_from_zoo, build_own, is_in_zoo
from ._state_dict import take_off_wrappers


def own_net(path: Path, model: object, tensors: dict[str, Tensor]) -> tuple[nn.Module, str]:
    """Return the net with the weights of a checkpoint, in evaluation mode, and what had to be taken off their names.

    Args:
        path: the checkpoint.
        model: as in `built_for`.
        tensors: what is in it; they get the names that they have in the net.

    Raises:
        InputTypeError: `model` is no name, but a module, for one.
        InputError: the net cannot be built, or the weights do not fit it.
    """
    from ..surgery import take_dtypes

    net, taken = built_for(model, tensors)
    try:
        take_dtypes(net, tensors)
        net.load_state_dict(tensors)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: does not fit the net of {model}: {_first_lines(error)}") from None
    return net.eval(), taken


def built_for(model: object, tensors: dict[str, Tensor]) -> tuple[nn.Module, str]:
    """Return the net for the tensors of a checkpoint, without their numbers, and what had to be taken off their names.

    Args:
        model: the own `package.module:function` that builds the net, without arguments, or a net of timm or
            torchvision, of as many classes and channels as the tensors are for.
        tensors: they get the names that they have in the net.

    Raises:
        InputTypeError: `model` is no name, but a module, for one.
        InputError: the net cannot be built.
    """
    if not isinstance(model, str):
        raise InputTypeError(
            argument="model",
            expected="'package.module:function', the name of the function that builds the model",
            got=its_type(model),
            cure="Load the weights into your model, and call batchnorm.recalibrate, fold or trace with it.",
        )
    net = build_from_zoo(model, {}, _AS_IT_IS, {}) if is_in_zoo(model) else build_own(model, {}, {})
    taken = take_off_wrappers(tensors, net.state_dict())
    if is_in_zoo(model):
        net = _fitting(net, model, tensors)
    return net, taken


_AS_IT_IS = {"norm": "torch"}
_DEFAULTS = {"num_classes": (0, 1000), "in_channels": (1, 3)}
"""Of the nets of timm and torchvision: in which dimension of a weight a number is seen, and what it is by default."""


def _fitting(net: nn.Module, model: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Build a net of timm or torchvision again where a checkpoint is for other classes or channels than the default."""
    own, shape = net.state_dict(), dict[str, int]()
    for argument, (dim, default) in _DEFAULTS.items():
        pairs = [(own[name].shape, tensor.shape) for name, tensor in tensors.items() if name in own]
        pairs = [(one, other) for one, other in pairs if len(one) == len(other) > dim and one[dim] == default]
        found = {other[dim] for one, other in pairs if one != other and _but(one, dim) == _but(other, dim)}
        if len(found) == 1:
            shape[argument] = found.pop()
    further = {"aux_logits": True} if any(name.startswith(("aux1.", "AuxLogits.")) for name in tensors) else {}
    return build_from_zoo(model, shape, _AS_IT_IS, further) if shape or further else net


def _but(shape: Sequence[int], dim: int) -> list[int]:
    return [*shape[:dim], *shape[dim + 1 :]]


def examples_of(shapes: Sequence[Sequence[int]], net: nn.Module) -> tuple[Tensor, ...]:
    """Return random numbers of the net's own kind, on its device, a tensor for each shape."""
    home = next((tensor for tensor in net.parameters() if tensor.is_floating_point()), torch.zeros(()))
    return tuple(torch.randn(*shape).to(home) for shape in shapes)


def _first_lines(error: Exception, count: int = 4) -> str:
    lines = [line.strip()[:300] for line in str(error).splitlines() if line.strip()]
    said = lines[1:] or lines  # torch begins with a heading
    return " ".join(said[:count]) + (" ..." if len(said) > count else "")
