"""What was a norm before it was first converted, and how does that stay with it?

It stands in the norm's own `__dict__`, as plain values: so it is copied, pickled and moved with the norm, and needs no
place in the model. It holds no tensor, for the norm has the same ones all the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

NAME = "_before_conversion"
"""The attribute."""


@dataclass(frozen=True, slots=True)
class Former:
    """What it takes to give a norm back what it was.

    Attributes:
        kind: its class.
        had: attributes that a conversion has changed or taken away, as they were.
        given: the names of those that it did not have.
        buffers: the names of buffers that it did not have, and which are None.
        frozen: what of it a conversion has frozen: "statistics", and parameters by their names.
    """

    kind: type[nn.Module]
    had: dict[str, Any] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    buffers: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()

    def held_by(self, norm: nn.Module) -> dict[str, Any]:
        """What the norm would hold as what it was: the same tables, and what no conversion has given it."""
        gone = {*self.given, NAME}
        return {name: value for name, value in vars(norm).items() if name not in gone} | self.had


def former_of(norm: nn.Module) -> Former | None:
    """What a norm was before it was first converted; None if it never was."""
    held: dict[str, Any] | None = vars(norm).get(NAME)
    return None if held is None else Former(**held)


def written(former: Former) -> dict[str, Any]:
    """The values for the attribute: a pickle of them needs no code of this package."""
    return {name: getattr(former, name) for name in Former.__dataclass_fields__}


def former_after(norm: nn.Module, changed: Iterable[str], buffers: tuple[str, ...]) -> Former:
    """What is to be known of a norm whose attributes are about to change; what came first says how it was.

    Args:
        norm: as it is before that.
        changed: attributes that are set, or taken away.
        buffers: that are given to it.
    """
    known = former_of(norm) or Former(type(norm))
    had, given, held = dict(known.had), [*known.given], vars(norm)
    for name in changed:
        if name in had or name in given:
            continue
        if name in held:
            had[name] = held[name]
        else:
            given.append(name)
    return Former(known.kind, had, (*given,), (*known.buffers, *buffers), known.frozen)


def remember_frozen(norm: nn.Module, frozen: tuple[str, ...]) -> None:
    """Note what of a converted norm was frozen with it."""
    held = vars(norm)[NAME]
    vars(norm)[NAME] = {**held, "frozen": (*held["frozen"], *frozen)}  # never in place: an undo has the dict itself
