"""What becomes of one norm that is to be converted?"""

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from ...norms import own_parameters
from ...records import ConvertedNorm
from ...transaction import gradient_steps, module_steps
from ._asked import Target
from ._becoming import Becoming, become, clash
from ._given_back import give_class_back
from ._kinds import kind_of
from ._meant import named
from ._others import STAND_INS
from ._own_code import own_values


def steps_of(norm: nn.Module) -> list[Callable[[], object]]:
    """What makes a norm what it is now, to be run from the last to the first; its numbers are not among it."""
    return [*module_steps(norm), *gradient_steps(own_parameters(norm).values())]


def run(steps: list[Callable[[], object]]) -> None:
    """Let a norm be again what it was when these were taken down."""
    for step in reversed(steps):
        step()


def converted(name: str, norm: nn.Module, target: Target) -> ConvertedNorm:
    """Let one norm become what it is to be, or say why it cannot."""
    before, kind, present = named(norm), type(norm), steps_of(norm)
    if kind in STAND_INS:
        if target.is_met(norm):
            return ConvertedNorm(name, before, before, "already")
        give_class_back(norm)  # what it was says what it can be
    found = _becoming_of(norm, target)
    if isinstance(found, str):
        run(present)
        return ConvertedNorm(name, before, before, "left", found)
    is_new = found.changes(norm)
    if is_new:
        become(norm, found)
    if not is_new and type(norm) is kind:
        return ConvertedNorm(name, before, before, "already")
    return ConvertedNorm(name, before, named(norm), "converted", detail=found.detail or None)


def _becoming_of(norm: nn.Module, target: Target) -> Becoming | str:
    kind = kind_of(norm)
    if isinstance(kind, str):
        return kind
    found = target.of(norm, kind)
    if isinstance(found, str) or type(norm) is found.kind:
        return found
    known = nn.Module if kind.is_constant else kind.known
    values = own_values(norm, known)
    # Checkpoints say the version of the class that wrote them, and a class reads older ones in another way.
    version = {} if norm._version == found.kind._version else {"_version": norm._version}
    return clash(norm, found, known, values) or replace(found, gives={**values, **version, **found.gives})
