"""Is there a net, a norm, an activation, a data set or a device of this name? Asked when a config is made."""

import re
from collections.abc import Sequence

from .. import data, models
from ..errors import Fault, did_you_mean
from ..functional import ACTIVATIONS

AUTO_MODEL = "auto"
"""The net that the library chooses by the images, or by the weights to start with."""
NORMS = ("batchnorm", "torch", "none")
DEVICES = ("auto", "cpu", "cuda")
_NUMBERED = re.compile(r"cuda:\d{1,4}", re.ASCII)
_OTHER_WORDS = {"gpu": "cuda", "bn": "batchnorm", "batch_norm": "batchnorm", "batchnorm2d": "batchnorm"}
"""What others call them."""


class OwnData(str):
    """The name of images that the caller hands over as an object: the library need not know it.

    A class and no mark beside the name, so that it stays with the name through copies of a config.
    """

    __slots__ = ()


def unknown_name(option: str, value: str, model: str) -> Fault | None:
    """Return what is wrong with a name that an option was given; `None` if nothing is, or it is none of these options.

    A name with a colon, `package.module:name`, is the caller's own, and is looked for when it is needed.

    Args:
        option: of `TrainConfig`.
        value: what it was given.
        model: the config's net.

    Example:
        >>> print(unknown_name("data", "fashion", "MLP").text())
        data: expected fashion-mnist-mini, fashion-mnist, cifar10, the path of a folder or a .npz file, ...
        >>> unknown_name("norm", "frozen", "nets:small"), unknown_name("epochs", "three", "MLP")
        (None, None)
    """
    if ":" in value and option != "device":
        return None
    if option == "model":
        names = [AUTO_MODEL, *(entry.name for entry in models.available())]
        return (
            None
            if models.is_builtin(value) or value == AUTO_MODEL
            else _unknown(option, value, names, "timm:NAME", "torchvision:NAME", "package.module:function")
        )
    if option == "data":
        return None if isinstance(value, OwnData) or data.data_path(value) else unknown_data(option, value)
    if option == "device":
        fits = value in DEVICES or _NUMBERED.fullmatch(value) is not None
        return None if fits else _unknown(option, value, DEVICES, "cuda:<number>")
    # A net of the caller's own may have norms and activations that nobody here knows.
    known = {"norm": NORMS, "activation": (*ACTIVATIONS, "none")}.get(option, ()) if ":" not in model else ()
    others = ("package.module:function",) if option == "norm" else ()
    return _unknown(option, value, known, *others) if known and value not in known else None


def unknown_data(argument: str, value: str) -> Fault | None:
    """Return what is wrong with the name of a data set; `None` if there is one of this name.

    Args:
        argument: by which it was passed.
        value: the name.
    """
    names = [source.info.name for source in data.available()]
    others = ("the path of a folder or a .npz file, or package.module:source",)
    return None if value in names else _unknown(argument, value, names, *others)


def _unknown(option: str, value: str, known: Sequence[str], *others: str) -> Fault:
    *names, last = *known, *others
    listed = ", ".join((*names, last)) if " or " in last else f"{', '.join(names)} or {last}"
    shown = value if len(value) <= 100 else f"{value[:100]} ..."
    meant = _OTHER_WORDS.get(value.casefold())
    near = f" Did you mean {meant!r}?" if meant in known else did_you_mean(value, known)
    return Fault(argument=option, expected=listed, got=repr(shown), cure=near)
