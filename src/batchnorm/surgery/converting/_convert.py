"""How do the norms of a model become those of another class, in place?"""

from collections.abc import Mapping

from torch import nn

from ...norms import Filter, own_parameters, select
from ...records import ConvertedNorm, ConvertReport
from ...transaction import Undo, all_or_nothing, gradient_steps, module_steps, verb
from .._become import as_it_is
from ._asked import Asked, Target, asked
from ._becoming import Becoming, become, clash
from ._given_back import give_back
from ._kinds import kind_of
from ._meant import is_convertible, named
from ._others import STAND_INS
from ._refuse import check_convertible, check_may_stop_training


@verb
def convert(
    model: nn.Module,
    to: Asked = None,
    *,
    filter_fn: Filter | None = None,
    **options: object,
) -> ConvertReport:
    """Convert."""
    target = asked(to, options)
    chosen = select(model, filter_fn, is_convertible)
    check_convertible(chosen, "convert")
    if target.idles is not None:
        check_may_stop_training(chosen, target.idles)
    with all_or_nothing() as undo:
        remember(undo, chosen.norms)
        done = [_converted(name, norm, target) for name, norm in chosen.norms.items()]
    return ConvertReport("convert", tuple(done))


def remember(undo: Undo, norms: Mapping[str, nn.Module]) -> None:
    """Let an undo hear how these norms are; none of their numbers is going to change."""
    for norm in norms.values():
        undo.add(*module_steps(norm), *gradient_steps(own_parameters(norm).values()))


def _converted(name: str, norm: nn.Module, target: Target) -> ConvertedNorm:
    """Let one norm become what it is to be, or say why it cannot."""
    before, present = named(norm), as_it_is(norm)
    if type(norm) in STAND_INS:
        if target.is_met(norm):
            return ConvertedNorm(name, before, before, "already")
        give_back(norm)  # what it was says what it can be
    found = _becoming_of(norm, target)
    if isinstance(found, str):
        present.carry_out()
        return ConvertedNorm(name, before, before, "left", found)
    if not found.changes(norm) and type(norm) is present.kind:
        return ConvertedNorm(name, before, before, "already")
    if found.changes(norm):
        become(norm, found)
    return ConvertedNorm(name, before, named(norm), "converted", detail=found.detail or None)


def _becoming_of(norm: nn.Module, target: Target) -> Becoming | str:
    kind = kind_of(norm)
    found = kind if isinstance(kind, str) else target.of(norm, kind)
    return found if isinstance(found, str) else clash(norm, found) or found
