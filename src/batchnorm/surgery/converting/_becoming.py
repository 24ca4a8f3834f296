"""How does one norm become another, in place?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from ...nn import SAFE, Forward, Source, Tracking, give_source, tracking_of
from ...norms import as_checkpoint_safe_as_now, set_checkpoint_safe
from .._become import Become, can_become
from ._former import NAME, former_after, remember_frozen, written
from ._freezing import freeze_too, is_frozen_too

_OF_BOTH = {
    *("eps", "affine", "momentum", "num_features", "track_running_stats", "process_group", "_tracking", SAFE),
    "reset_running_stats",  # laid on what is frozen
}
"""Attributes that mean the same to several classes of norms."""


@dataclass(frozen=True, slots=True)
class Becoming:
    """What a norm is to become.

    Attributes:
        kind: its class.
        gives: attributes that it is to have.
        takes: the names of those that it is not to have any more.
        buffers: the names of buffers that it is to have, too, as None.
        freezes: what is to be frozen of it.
        detail: what was decided for this norm alone, in a few words.
    """

    kind: type[nn.Module]
    gives: Mapping[str, Any] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    buffers: tuple[str, ...] = ()
    freezes: Literal["nothing", "statistics", "all"] = "nothing"
    detail: str = ""

    def changes(self, norm: nn.Module) -> bool:
        """Whether a norm is not that already."""
        held = vars(norm)
        if (
            type(norm) is not self.kind
            or (self.freezes != "nothing" and not is_frozen_too(norm, affine=self.freezes == "all"))
            or any(name in held for name in self.takes)
        ):
            return True
        return any(name not in held or not _is_same(held[name], value) for name, value in self.gives.items())


def clash(norm: nn.Module, becoming: Becoming, known: type[nn.Module], values: Mapping[str, Any]) -> str | None:
    """The reason why a norm cannot be that: it has something of its own by a name that the other class uses.

    Args:
        norm: the norm.
        becoming: what it is to be.
        known: the class whose code it runs.
        values: what is read from it, and stands in the bodies of its own classes.
    """
    if not can_become(norm, becoming.kind):
        return f"Python cannot make a {becoming.kind.__name__} of it, whose class is laid out in another way in memory"
    if isinstance(norm, Forward) and issubclass(becoming.kind, Forward):
        return None
    asked = ({*dir(becoming.kind), *becoming.gives} - {*dir(known)}) - _OF_BOTH
    tables = (norm._parameters, norm._buffers, norm._modules)
    if not isinstance(tracking_of(norm), Tracking | None):
        asked.add("_tracking")
    own = {name for name in (*vars(norm), *values) if not name.startswith("__")}.union(*tables)
    taken = sorted((own & asked) - {*becoming.takes})
    if not taken:
        return None
    return f"it has {taken[0]!r} of its own, a name that means something else to a {becoming.kind.__name__}"


def become(norm: nn.Module, becoming: Becoming) -> None:
    """Let a norm be that, and remember what it was before it was first converted."""
    buffers = tuple(name for name in becoming.buffers if name not in {**norm._parameters, **norm._buffers})
    changed = [*becoming.gives, *becoming.takes]
    again = lasting_policies(norm)
    former = former_after(norm, changed, buffers)
    held = {name: value for name, value in vars(norm).items() if name not in becoming.takes}
    held |= {**becoming.gives, NAME: written(former)}
    if buffers:
        held["_buffers"] = {**norm._buffers, **dict.fromkeys(buffers)}
    Become(norm, becoming.kind, held).carry_out()
    if becoming.gives.get("_source") is not None:
        give_source(norm, becoming.gives["_source"])  # one of its own, where sources tell layers apart
    again()
    if becoming.freezes != "nothing":
        remember_frozen(norm, freeze_too(norm, affine=becoming.freezes == "all"))


def lasting_policies(norm: nn.Module) -> Any:
    """Take away what lets statistics move once under activation checkpointing; return what lays it on again.

    A layer of ours asks by itself, others have hooks for it: so it goes before a class changes, and comes back behind.
    """
    if not isinstance(tracking_of(norm), Tracking):
        return lambda: None
    again = as_checkpoint_safe_as_now(norm)
    named = vars(norm).get(SAFE)
    set_checkpoint_safe(norm, enabled=False)
    vars(norm).pop(SAFE, None)
    if named is not None:
        vars(norm)[SAFE] = named
    return again


def _is_same(one: object, other: object) -> bool:
    return one is other or (type(one) is type(other) and isinstance(one, str | int | float | Source) and one == other)
