"""How is a norm frozen with its conversion, and released with the way back?"""

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


def release(norm: nn.Module, frozen: tuple[str, ...]) -> None:
    """Release what was frozen by that, and is still."""
    if _STATISTICS in frozen and is_frozen(norm):
        let_statistics_go(norm, mode=asked_of(norm))
    taken = held_among(norm, frozen)
    remember_held(norm, tuple(name for name in held_parameters(norm) if name not in frozen))
    for parameter in taken.values():
        parameter.requires_grad_(True)


def held_among(norm: nn.Module, frozen: tuple[str, ...]) -> dict[str, nn.Parameter]:
    """What of that is frozen still, of the parameters."""
    return {name: one for name, one in held_parameters(norm).items() if name in frozen}
