"""Nets of timm and torchvision, `timm:NAME` and `torchvision:NAME`: is there one, and how is it built?"""

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from ..errors import ForPython, InputError, Setting
from ..files import one_line
from ._own_model import described
from ._zoo_libraries import LIBRARIES
from ._zoo_norms import take_norms

PLAIN_WORD = re.compile(r"[\w.+-]{0,64}", re.ASCII)
"""What a word among the arguments may be: the name of a choice, never a path or an address."""
_OF_WEIGHTS = ("pretrained", "weights", "checkpoint", "cache_dir")
"""How arguments begin by which these libraries load weights, from the net or by running a pickle."""
_NORMS = ("batchnorm", "torch", "none")


def is_in_zoo(name: str) -> bool:
    """Whether a name means a net of timm or torchvision; whether there is one of it, only they can say.

    Example:
        >>> is_in_zoo("timm:resnet18"), is_in_zoo("torchvision.models:resnet18"), is_in_zoo("resnet18")
        (True, False, False)
    """
    return name.partition(":")[0] in LIBRARIES and ":" in name


def build_from_zoo(
    name: str, shape: Mapping[str, Any], style: Mapping[str, Any], model_args: Mapping[str, Any]
) -> nn.Module:
    """Build a net of timm's or torchvision's registry, with random weights and the norm layers that were asked for.

    Args:
        name: `timm:NAME` or `torchvision:NAME`.
        shape: `num_classes`, `in_channels` and `image_size`; what is left out is the library's default.
        style: `norm`, and of `activation` and `norm_place` what differs from the default.
        model_args: further arguments of the net: numbers, booleans and plain words.

    Raises:
        InputError: the library is not installed or cannot be imported, has no such net, or cannot make it of these.
    """
    norm = "none" if (given := style.get("norm")) is None else given
    _check_style(name, norm, style)
    _check_arguments(name, model_args)
    kind, _, member = name.partition(":")
    library = LIBRARIES[kind]()
    library.check(member)
    try:
        net = library.make(member, shape, model_args)
    except InputError:
        raise
    except Exception as error:  # other libraries may raise anything, and assert
        argument = "model_args" if model_args else "model"
        raise InputError(f"{name}: making the net raised {described(error)}", argument=argument) from error
    take_norms(net, norm, name)
    return net


def _check_style(name: str, norm: object, style: Mapping[str, Any]) -> None:
    if norm not in _NORMS:
        raise InputError(
            argument="norm",
            expected=f"one of {', '.join(_NORMS)} for {name}, whose own batch norms are converted",
            got=repr(norm) if isinstance(norm, str) else one_line(str(norm), 100),
            cure=ForPython(
                "For other layers build the net, call batchnorm.convert(net, ...), and pass the net itself.",
                otherwise=(
                    "For other layers write a function that builds and converts the net: ",
                    Setting("model", "PACKAGE.MODULE:FUNCTION"),
                    ".",
                ),
            ),
        )
    for option in ("activation", "norm_place"):
        if option in style:
            raise InputError(
                f"{name} has its own order of layers and its own activations",
                argument=option,
                cure="Leave it out; some nets of timm take act_layer, a further argument of the net.",
            )


def _check_arguments(name: str, model_args: Mapping[str, Any]) -> None:
    """Refuse what the data say, or would load weights, or is no plain value: these arguments may come from a file."""
    for key, value in model_args.items():
        if key == "in_chans":
            raise InputError(f"{key} follows from the data", argument="model_args", cure="Leave it out.")
        if key.startswith(_OF_WEIGHTS):
            raise InputError(
                f"{one_line(key, 40)} would load weights, and a net that is built by its name starts from random ones",
                argument="model_args",
                cure=(
                    "Leave it out. To start from weights that somebody trained, pass ",
                    Setting("init", name),
                    ", or a file with them.",
                ),
            )
        if not (isinstance(value, int | float) or (isinstance(value, str) and PLAIN_WORD.fullmatch(value))):
            raise InputError(
                argument="model_args",
                expected=f"numbers, True, False and plain words for {name}",
                got=f"{one_line(repr(value), 100)} for {one_line(key, 40)}",
                cure=("Write a function of your own for more: ", Setting("model", "package.module:function"), "."),
            )
