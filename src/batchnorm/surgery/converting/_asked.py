"""What does a caller ask norms to become, and with which options?"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from torch import nn

from ... import nn as ours
from ...errors import InputError, InputTypeError, MistakeError, did_you_mean, its_type
from ...functional import as_source, check_activation, check_route
from ...nn import Ghost, Sync
from ._becoming import Becoming
from ._kinds import Kind
from ._layers_of_ours import GHOST, PLAIN, Ours
from ._meant import name_of
from ._others import Groups, Nothing, Torchs

Asked = str | type[nn.Module] | None
"""What `to` takes."""

_KEPT = ("num_features", "eps", "momentum", "affine", "track_running_stats", "device", "dtype", "bias")
"""What new layers are given where they are made, and a norm that is converted has."""
_LAYER = ("activation", "route")


class Target(Protocol):
    """What norms are to become.

    Attributes:
        modes: those in which they compute the same afterwards, True for training.
        freezes: whether they are frozen, too.
        idles: what has parameters that get no gradients any more; None where all do.
    """

    @property
    def modes(self) -> tuple[bool, ...]: ...
    @property
    def freezes(self) -> bool: ...
    @property
    def idles(self) -> str | None: ...

    def is_met(self, norm: nn.Module) -> bool:
        """Whether what stands in for a norm is what is asked for."""

    def of(self, norm: nn.Module, kind: Kind) -> Becoming | str:
        """What one norm becomes, or why it cannot."""


def asked(to: Asked, options: Mapping[str, Any]) -> Target:
    """Read the arguments of `convert`.

    Raises:
        InputTypeError: `to` is neither a text nor a class, or an option has the wrong type.
        InputError: an unknown text, a class that no norm becomes, or an option that is not one of it.
    """
    name = "batchnorm" if to is None else to
    if isinstance(name, str):
        if name not in _BY_TEXT:
            raise _unknown(repr(name), did_you_mean(name, _BY_TEXT))
        takes, make = _BY_TEXT[name]
        return make(_checked(name, takes, options))
    if not isinstance(name, type):
        raise InputTypeError(argument="to", expected="a text or a class", got=its_type(name), cure=_cure())
    return _of_class(name, options)


def _of_class(wanted: type[nn.Module], options: Mapping[str, Any]) -> Target:
    name = wanted.__name__
    for spatial, layer in PLAIN.items():
        if wanted is layer:
            return Ours("plain", spatial, _checked(name, (*_LAYER, "moments"), options))
    for spatial, layer in GHOST.items():
        if wanted is layer:
            return Ours("ghost", spatial, _checked(name, (*_LAYER, "size"), options))
    if wanted in _TORCHS:
        return Torchs(wanted, _checked(name, ("process_group",) if wanted is nn.SyncBatchNorm else (), options))
    texts: dict[type[nn.Module], str] = {nn.GroupNorm: "group", nn.Identity: "identity", ours.SyncBatchNorm: "sync"}
    text = texts.get(wanted)
    if text is None:
        raise _unknown(f"the class {name_of(wanted)}", "")
    takes, make = _BY_TEXT[text]
    return make(_checked(name, takes, options))


_TORCHS = {nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm}

_BY_TEXT: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], Target]]] = {
    "batchnorm": ((*_LAYER, "moments"), lambda given: Ours("same", None, given)),
    "sync": ((*_LAYER, "process_group"), lambda given: Ours("sync", None, given)),
    "ghost": ((*_LAYER, "size"), lambda given: Ours("ghost", None, given)),
    "frozen": (_LAYER, lambda given: Ours("same", None, given, freezes=True)),
    "torch": ((), lambda given: Torchs(None, given)),
    "group": (("num_groups",), Groups),
    "identity": ((), lambda given: Nothing()),
}
"""By text: the options that it takes, and what makes the target of them."""


def _checked(to: str, takes: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in takes:
            known = ", ".join(takes) or "none"
            raise InputError(
                argument=name,
                expected=f"an option that {to!r} takes ({known})",
                got=repr(name),
                cure="Each norm keeps its own." if name in _KEPT else did_you_mean(name, takes),
            )
    if "size" in takes and "size" not in options:
        raise InputError(
            argument="size", expected="the number of samples in a slice", got="none", cure="Pass size=32, for instance."
        )
    return {name: _value(name, value) for name, value in options.items()}


def _value(name: str, value: Any) -> Any:
    """The value of an option, after a look at it."""
    if name == "activation":
        check_activation(value)
        if isinstance(value, nn.Module):
            raise InputTypeError(
                argument=name,
                expected="a name or a function",
                got=f"a module ({type(value).__name__}), which all the norms would share",
                cure="Give each norm a module of its own afterwards: norm.activation = ...",
            )
    elif name == "route":
        check_route(value)
    elif name == "moments":
        return as_source(value)
    elif name == "size":
        return Ghost(value).size
    elif name == "process_group":
        _check_group(value)
    elif name == "num_groups" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        kind = InputError if isinstance(value, int) and not isinstance(value, bool) else InputTypeError
        raise kind(argument=name, expected="the number of groups, an integer of at least 1", got=repr(value)[:100])
    return value


def _check_group(group: Any) -> None:
    try:
        Sync(group)
    except MistakeError as error:
        error.fault = replace(error.fault, verb="", argument="process_group")
        raise


def _unknown(got: str, near: str) -> InputError:
    return InputError(argument="to", expected="something that a norm can become", got=got, cure=near or _cure())


def _cure() -> str:
    texts = ", ".join(map(repr, _BY_TEXT))
    dims = "BatchNorm1d, 2d, 3d, SyncBatchNorm"
    return (
        f"Pass {texts}, or a class: {dims}, GhostBatchNorm1d, 2d or 3d of batchnorm.nn; {dims}, GroupNorm or Identity "
        "of torch.nn. What is lazy stays lazy."
    )
