"""Which model is meant by a name, and which names are there?"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

from ..errors import InputError, InputTypeError, did_you_mean
from ..functional import Activation
from ._conv_bn_net import ConvBNNet
from ._mlp import MLP
from ._norm_act import Norm, NormPlace
from ._own_model import build_own
from ._plain_net import PlainNet
from ._resnet import resnet18, resnet20
from ._zoo import build_from_zoo, is_in_zoo


class BuiltIn(NamedTuple):
    """A model of this library: its name, and what it is in one line."""

    name: str
    summary: str


_MODELS: dict[BuiltIn, Callable[..., nn.Module]] = {
    BuiltIn("ConvBNNet", "two convolutions with batch norm, the default"): ConvBNNet,
    BuiltIn("MLP", "hidden linear layers with BatchNorm1d"): MLP,
    BuiltIn("resnet20", "three stages of residual blocks, 0.27 million parameters"): resnet20,
    BuiltIn("resnet18", "four stages of residual blocks, 11 million parameters"): resnet18,
    BuiltIn("PlainNet", "convolutions of any depth without skips"): PlainNet,
}
_BY_NAME = {entry.name.casefold(): (entry, model) for entry, model in _MODELS.items()}


def available() -> tuple[BuiltIn, ...]:
    """Return the names that `build` knows, each with a line about the model.

    Example:
        >>> [entry.name for entry in available()]
        ['ConvBNNet', 'MLP', 'resnet20', 'resnet18', 'PlainNet']
    """
    return tuple(_MODELS)


def is_builtin(name: str) -> bool:
    """Whether a name means a model of this library, whatever its case.

    Example:
        >>> is_builtin("convbnnet"), is_builtin("os:system")
        (True, False)
    """
    return name.casefold() in _BY_NAME


def file_may_name(name: str) -> bool:
    """Whether a name is looked up among nets, and nowhere else: here, or in the registry of timm or torchvision.

    A model file may name only these: a file is data, and must never choose code that is imported.

    Example:
        >>> file_may_name("convbnnet"), file_may_name("timm:resnet18"), file_may_name("os:system")
        (True, True, False)
    """
    return is_builtin(name) or is_in_zoo(name)


def build(
    name: str,
    *,
    num_classes: int,
    in_channels: int,
    image_size: int | tuple[int, int],
    norm: Norm = "batchnorm",
    activation: Activation = "relu",
    norm_place: NormPlace = "before",
    **model_args: Any,
) -> nn.Module:
    """Build a model by its name: one of this library's, of timm's or torchvision's, or a function of your own.

    `timm:NAME` and `torchvision:NAME` are nets in the registries of these libraries, with random weights. Their batch
    norms become this library's by `norm="batchnorm"`, stay as they are by `"torch"`, and go by `"none"`. They have
    their own `activation` and order of layers.

    A function of one's own, `package.module:function`, is imported (the current folder comes
    first) and called with those of the named arguments that its signature has, and with all of
    `model_args`. A `norm`, an `activation` or a `norm_place` that was asked for and that it has no
    parameter for is an error, never silently dropped.

    Args:
        name: a name of `available()` in any case, `timm:NAME`, `torchvision:NAME`, or `package.module:function`.
        num_classes: outputs.
        in_channels: channels of the images.
        image_size: side of square images, or (height, width).
        norm: as for `ConvBNNet`.
        activation: as for `ConvBNNet`.
        norm_place: as for `ConvBNNet`.
        model_args: further arguments of this model, e.g. `width` or `depth`.

    Raises:
        InputError: an unknown name, a library that is not installed, arguments that the model cannot take, or a
            function that raises or returns no Module.

    Example:
        >>> model = build("MLP", num_classes=3, in_channels=1, image_size=8, width=16)
        >>> model.get_submodule("fc")
        Linear(in_features=16, out_features=3, bias=True)
        >>> build("ConvBNet", num_classes=3, in_channels=1, image_size=8)
        Traceback (most recent call last):
        batchnorm.errors.InputError: model: unknown name 'ConvBNet'; expected one of ConvBNNet, MLP, ...
    """
    if not isinstance(name, str):
        got = "None" if name is None else type(name).__name__
        raise InputTypeError(argument="model", expected="the name of a net", got=got)
    style = {"norm": norm, "activation": activation, "norm_place": norm_place}
    shape = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    if is_in_zoo(name):
        return build_from_zoo(name, shape, {"norm": norm} | _asked(style), model_args)
    if ":" in name:
        return build_own(name, shape | style, _asked(style) | model_args)
    if not is_builtin(name):
        names = tuple(entry.name for entry in _MODELS)
        raise InputError(
            f"unknown name {name!r}",
            argument="model",
            expected=f"one of {', '.join(names)}, timm:NAME, torchvision:NAME or package.module:function",
            cure=did_you_mean(name, names),
        )
    return _build_in(name, shape | style, model_args)


_STYLE_DEFAULTS = {"norm": "batchnorm", "activation": "relu", "norm_place": "before"}


def _asked(style: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in style.items() if value != _STYLE_DEFAULTS[key]}


def _build_in(name: str, arguments: dict[str, Any], model_args: dict[str, Any]) -> nn.Module:
    entry, make = _BY_NAME[name.casefold()]
    own = tuple(key for key in inspect.signature(make).parameters if key not in arguments)
    for key in model_args:
        if key not in own:
            raise InputError(
                f"{entry.name}: unknown argument {key!r}",
                argument="model_args",
                expected=f"one of {', '.join(own)}",
                cure=did_you_mean(key, own),
            )
    try:
        return make(**arguments, **model_args)
    except (ValueError, TypeError) as error:
        raise InputError(f"{entry.name}: {error}", argument="model") from error
    except (RuntimeError, MemoryError) as error:  # torch's words for sizes that no memory holds
        raise InputError(
            f"{entry.name}: a net of these arguments does not fit into memory",
            argument="model",
            cure="Use smaller ones.",
        ) from error
