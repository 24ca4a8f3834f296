"""Why does a training step leave a norm's statistics as they are, if it does?"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from ..transaction import Transaction, transaction
from ._find import Norm, are_stock
from ._forwards import Trained, make_ready, silently
from ._look import Seen
from ._modes import Modes


def still_of(change: Transaction, norms: Sequence[Norm], modes: Modes, trained: Trained) -> list[str | None]:
    """The reason of each norm; None for one that a training step moves.

    A norm that the forward in training did not call is called by itself, on random numbers and without its hooks.
    Everything is put back.
    """
    pairs = zip(norms, trained.seen, trained.why, strict=True)
    still = [None if seen.moved else reason or _as_seen(norm, seen) for norm, seen, reason in pairs]
    unseen = [index for index, seen in enumerate(trained.seen) if still[index] is None and not _is_seen(seen)]
    if unseen:
        with transaction(change.module) as inner, silently():
            with suppress(Exception):  # a train() that raises has been noted
                modes.train(inner)
            make_ready(inner, norms)
            for index in unseen:
                still[index] = _alone(norms[index])
    return still


def _is_seen(seen: Seen) -> bool:
    return seen.moved or seen.elsewhere or bool(seen.ended)


def _as_seen(norm: Norm, seen: Seen) -> str | None:
    if not _is_seen(seen):
        return None
    if seen.ended and not seen.trained:
        return "frozen: the model's forward puts it into evaluation mode"
    return _frozen(norm) if seen.ended else "frozen: what normalizes by its statistics does not move them"


def _alone(norm: Norm) -> str | None:
    moves = _moves_alone(norm)
    if moves is None:
        return f"it is not known whether training moves a {norm.kind}: no forward in training mode called it"
    return None if moves else _frozen(norm)


def moves_alone(module: nn.Module) -> bool:
    """Whether a norm, in the mode that it is in, is seen to store something of what it is given; all is put back."""
    mean, var = module.running_mean, module.running_var
    if not isinstance(mean, Tensor) or not isinstance(var, Tensor):
        return False
    norm = Norm("", (module,), mean, var)
    with transaction(module) as change, silently():
        make_ready(change, [norm])
        return bool(_moves_alone(norm))


def _moves_alone(norm: Norm) -> bool | None:
    """Whether a norm, in the mode that it is in, stores something of what it is given; None if it takes nothing."""
    module = next((module for module in norm.modules if module.training), norm.modules[0])
    before = norm.mean.clone(), norm.var.clone()
    for x in _inputs(norm):
        for given in ((x,), (x, x)):  # with a residual, or a mask
            with suppress(Exception), torch.no_grad():  # whatever a norm may raise that takes something else
                module.forward(*given)
                return not all(map(torch.equal, before, norm.held_by(module)))
    return None


def _inputs(norm: Norm) -> Iterator[Tensor]:
    """Inputs of all the shapes that norms usually take: (N, C, *), with up to three positions, and (N, *, C)."""
    channels, source = len(norm.mean), torch.Generator().manual_seed(0)
    ahead = [(4, channels, *[3] * positions) for positions in range(4)]
    behind = [(4, *[3] * positions, channels) for positions in (1, 2)]
    weight = next((weight for weight in norm.modules[0].parameters() if weight.is_floating_point()), norm.mean)
    for dtype in dict.fromkeys((weight.dtype, norm.mean.dtype)):
        for shape in (*ahead, *behind):
            x = 3 + 2 * torch.randn(shape, generator=source, dtype=torch.float32)
            yield x.to(norm.mean.device, dtype)


def _frozen(norm: Norm) -> str:
    if hasattr(norm.modules[0], "momentum") and are_stock([norm]):
        off = not getattr(norm.modules[0], "track_running_stats", True)
        cause = "track_running_stats = False" if off else f"momentum = {norm.modules[0].momentum}"
        return f"frozen: a training step does not move its statistics ({cause})"
    return f"frozen: a {norm.kind} never moves its statistics"
