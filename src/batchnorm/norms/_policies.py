"""How does somebody say of a norm, ours or another, which batches move its statistics, or by what it normalizes?"""

from collections.abc import Callable, Sequence

from torch import nn

from ..functional import Blend
from ..nn import SAFE, FirstRun, Forward, Gatherer, Policy, Tracking, tracking_of
from ._blending import Lent
from ._hooks import hang


def lay(norm: nn.Module, policy: Policy | Gatherer) -> None:
    """Put a policy on a norm, inside of those that it has."""
    _set(norm, [*_policies(norm), policy])


def lift(norm: nn.Module, policy: Policy | Gatherer) -> None:
    """Take a policy away again, wherever among the others it is; it may be gone already."""
    _set(norm, [one for one in _policies(norm) if one is not policy])


def set_checkpoint_safe(norm: nn.Module, *, enabled: bool) -> None:
    """Let a norm leave its statistics alone, or not, where activation checkpointing runs its forward again.

    Our layers do without being told, but for compiled code: there the question has its price.
    """
    others = [one for one in _policies(norm) if not isinstance(one, FirstRun)]
    _set(norm, [FirstRun(), *others] if enabled else others)
    if isinstance(norm, Forward):
        norm.checkpoint_safe = enabled


def as_checkpoint_safe_as_now(norm: nn.Module) -> Callable[[], None]:
    """Return what makes a norm as it is now in this."""
    named, safe = norm.__dict__.get(SAFE), any(isinstance(one, FirstRun) for one in _policies(norm))

    def put_back() -> None:
        set_checkpoint_safe(norm, enabled=safe)
        norm.__dict__.pop(SAFE, None)
        if named is not None:
            norm.__dict__[SAFE] = named

    return put_back


def _policies(norm: nn.Module) -> tuple[Policy | Gatherer, ...]:
    held = tracking_of(norm)
    return held.policies if held else ()


def _set(norm: nn.Module, policies: Sequence[Policy | Gatherer]) -> None:
    norm.__dict__["_tracking"] = Tracking(policies) if policies else None
    hang(norm)


def blend(norm: nn.Module, source: Blend) -> None:
    """Let a norm in evaluation go by a mixture of its running statistics and the batch's, not by that of before."""
    _lend(norm, (*_lent(norm), source))


def unblend(norm: nn.Module, source: Blend) -> None:
    """Take a mixture away again, wherever among the others it is; it may be gone already."""
    _lend(norm, tuple(one for one in _lent(norm) if one is not source))


def _lent(norm: nn.Module) -> tuple[Blend, ...]:
    held: Lent | None = norm.__dict__.get("_blend")
    return held.sources if held else ()


def _lend(norm: nn.Module, sources: tuple[Blend, ...]) -> None:
    norm.__dict__["_blend"] = Lent(sources) if sources else None
    hang(norm)
