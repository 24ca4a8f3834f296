"""How is a norm frozen with its conversion, and released with the way back?"""

from collections.abc import Collection, Iterable

from torch import nn

from ...norms import (
    asked_of,
    held_parameters,
    hold_statistics,
    is_frozen,
    let_statistics_go,
    own_parameters,
    remember_held,
)
from ._former import former_of, remember_frozen

_STATISTICS = "statistics"


def is_frozen_too(norm: nn.Module, *, affine: bool) -> bool:
    """Whether there is nothing of it to freeze."""
    return is_frozen(norm) and not (affine and any(one.requires_grad for one in own_parameters(norm).values()))


def freeze_too(norm: nn.Module, *, affine: bool) -> tuple[str, ...]:
    """Freeze what of a norm is not frozen yet, as `freeze` does; return what that was."""
    taken = {name: one for name, one in own_parameters(norm).items() if affine and one.requires_grad}
    is_new = not is_frozen(norm)
    if is_new:
        hold_statistics(norm)
    remember_held(norm, (*held_parameters(norm), *taken))
    for parameter in taken.values():
        parameter.requires_grad_(False)
        parameter.grad = None
    return (*((_STATISTICS,) if is_new else ()), *taken)


def hold_together(norms: Iterable[nn.Module], others: Iterable[nn.Module]) -> None:
    """Let each of some norms that are frozen hold the parameters, too, that it shares with one that held them first."""
    norms = [*norms]
    ids = {id(one) for norm in (*norms, *others) for one in held_parameters(norm).values()}
    for norm in norms:
        held = held_parameters(norm)
        more = tuple(name for name, one in own_parameters(norm).items() if name not in held and id(one) in ids)
        if more and former_of(norm) is not None:
            remember_held(norm, (*held, *more))
            remember_frozen(norm, more)


def release(norm: nn.Module, frozen: tuple[str, ...], held: Collection[int] = ()) -> None:
    """Release what was frozen by that, and is still, but for parameters with these ids, which others hold."""
    if _STATISTICS in frozen and is_frozen(norm):
        let_statistics_go(norm, mode=asked_of(norm))
    taken = held_among(norm, frozen)
    remember_held(norm, tuple(name for name in held_parameters(norm) if name not in frozen))
    for parameter in taken.values():
        if id(parameter) not in held:
            parameter.requires_grad_(True)


def held_among(norm: nn.Module, frozen: tuple[str, ...]) -> dict[str, nn.Parameter]:
    """What of that is frozen still, of the parameters."""
    return {name: one for name, one in held_parameters(norm).items() if name in frozen}


def held_by(norms: Iterable[nn.Module], others: Iterable[nn.Module]) -> set[int]:
    """The ids of all parameters that are frozen still when the first are given back, and the others are not."""
    ids = {id(one) for norm in others for one in held_parameters(norm).values()}
    for norm in norms:
        former = former_of(norm)
        frozen = () if former is None else former.frozen
        ids |= {id(one) for name, one in held_parameters(norm).items() if name not in frozen}
    return ids
