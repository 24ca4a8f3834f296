"""What does a training step do with each norm's statistics, and which numbers does the norm normalize?"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import MethodType

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..calls import Call
from ..transaction import Transaction, transaction
from ._alone import moves_alone
from ._find import Norm, forward_of, is_stock
from ._look import Look, Seen
from ._modes import Modes, reasons
from ._normalizers import BY_OPERATOR

_FEW = 2
"""Samples that are enough to see what a model does."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of one norm.

    Attributes:
        still: why a training step leaves its statistics as they are; None if it moves them.
        reads: the axis of its first argument along which its channels lie, or `BY_OPERATOR`.
        unknown: why nobody knows what it normalizes; None if that is known.
    """

    still: str | None = None
    reads: int | str = 1
    unknown: str | None = None


def habits_of(
    change: Transaction, norms: Sequence[Norm], call: Call | None, *, alone: bool = True
) -> tuple[list[Habits], tuple[str, ...]]:
    """Look at one training forward of a model, and at one in evaluation where that does not tell all.

    Whether a norm's statistics move is not read from names or modes but seen: a class may freeze them, a parent may
    keep its norms in evaluation, a forward may set them so. What they move to is compared with the moments of what
    the norm was given, unless its forward is torch's or ours. Everything is put back.

    Args:
        change: the transaction that the model is in.
        norms: of the model.
        call: how the model is called with a batch; None where there is none: then modes and classes tell what they can.
        alone: whether no other process runs the same: a norm that is synchronized stores what all of them have.

    Returns:
        The habits of each norm, and notes for the user.
    """
    modes = Modes(change.module)
    trained, why, notes, part = _train(change, norms, call, modes)
    # Where the forward in training came to no end, or a norm is somebody's own, evaluation is looked at, too.
    needed = call is not None and (bool(notes) or not _are_stock(norms) or _have_own_train(norms))
    evaluated = _evaluate(change, norms, call, part) if needed and call is not None else [Seen() for _ in norms]
    still = _still(change, norms, modes, trained, why)
    found = [
        _habits(norm, of_training, of_evaluation, reason, alone=alone)
        for norm, of_training, of_evaluation, reason in zip(norms, trained, evaluated, still, strict=True)
    ]
    return found, notes


def _train(
    change: Transaction, norms: Sequence[Norm], call: Call | None, modes: Modes
) -> tuple[list[Seen], list[str | None], tuple[str, ...], Call | None]:
    """One forward in training, the reasons by modes alone, notes, and with what the forward came to its end."""
    error: Exception | None = None
    why: list[str | None] = [None for _ in norms]
    look = Look(norms)
    for part, grad, watched in _attempts(call, norms):
        look = Look(norms)
        with transaction(change.module) as inner:
            try:
                modes.train(inner)
                why = reasons(modes, norms)
                if part is None:
                    break
                _make_ready(inner, norms)
                mode = look.on(inner)
                with _silently(), torch.set_grad_enabled(grad), mode if watched else nullcontext():
                    part.run(inner.module)
            except (MemoryError, torch.OutOfMemoryError):
                raise  # says nothing of the norms
            except Exception as raised:  # whatever a model may raise that is trained otherwise than it is evaluated
                error = raised
            else:
                return look.seen, why, (), part
    if error is None:
        return [Seen() for _ in norms], why, (), None
    note = (
        f"the model cannot run in training mode on a batch alone ({type(error).__name__}: {_first_line(error)}): which "
        "norms are frozen is told by their modes"
    )
    return look.seen, why, (note,), None


def _evaluate(change: Transaction, norms: Sequence[Norm], call: Call, first: Call | None) -> list[Seen]:
    """One forward in evaluation, with what the one in training was run with, if it was."""
    look = Look(norms)
    for part in (first,) if first else _parts(call, norms):
        look = Look(norms)
        with transaction(change.module) as inner:
            inner.evaluate()
            _make_ready(inner, norms)
            try:
                with _silently(), torch.no_grad(), look.on(inner):
                    part.run(inner.module)
            except (MemoryError, torch.OutOfMemoryError):
                raise
            except Exception:  # noqa: S112  # the pass that follows raises it again, for the user to see
                continue
            break
    return look.seen


@contextmanager
def _silently() -> Iterator[None]:
    """A forward that nobody asked for does not warn; the user's own will."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _attempts(call: Call | None, norms: Sequence[Norm]) -> Iterator[tuple[Call | None, bool, bool]]:
    """With what a training forward is tried; with gradients, which some need, or not; and whether under a mode."""
    if call is None:
        yield None, False, False
        return
    for part in _parts(call, norms):
        yield from ((part, False, True), (part, True, True))
    if _are_stock(norms):
        yield _parts(call, norms)[0], False, False  # some models run under no mode


def _parts(call: Call, norms: Sequence[Norm]) -> tuple[Call, ...]:
    """What is tried, one after the other: the whole batch first where a forward of somebody's own is to be judged."""
    few = call.first(_FEW)
    parts = (few, call) if _are_stock(norms) else (call, few)
    return parts if few is not call else (call,)


def _make_ready(change: Transaction, norms: Sequence[Norm]) -> None:
    """Let a movement be seen where the statistics are broken, and synchronized norms run by themselves."""
    for norm in norms:
        norm.mean.nan_to_num_(0.0, 0.0, 0.0)
        norm.var.nan_to_num_(1.0, 1.0, 1.0)
        for module in norm.modules:
            if isinstance(module, nn.SyncBatchNorm) and forward_of(module) is nn.SyncBatchNorm.forward:
                change.set(module, "forward", MethodType(_BatchNorm.forward, module))


def _habits(norm: Norm, trained: Seen, evaluated: Seen, still: str | None, *, alone: bool) -> Habits:
    if trained.exchanged or evaluated.exchanged:
        return Habits(None, 1, _EXCHANGED)  # what a training step moves are the others
    if trained.transformed or evaluated.transformed:
        return Habits(
            still, 1, "it is called under a transform of torch.func, where its input is that of several calls at once"
        )
    if not (trained.fits and evaluated.fits):
        return Habits(
            still, 1, f"a {norm.kind} holds other statistics than one pair for each channel that it normalizes"
        )
    if _are_stock([norm]):
        return Habits(still, BY_OPERATOR if trained.elsewhere or evaluated.elsewhere else 1)
    return Habits(still, *_reading(norm, trained, evaluated, alone=alone))


_EXCHANGED = (
    "it is called with other running statistics than its own: torch.func.functional_call gives them, or its own train() "
    "exchanges them"
)


def _still(
    change: Transaction, norms: Sequence[Norm], modes: Modes, trained: Sequence[Seen], why: Sequence[str | None]
) -> list[str | None]:
    """Why a training step leaves each norm's statistics as they are; None if it moves them."""
    still = [reason or _seen_still(norm, seen) for norm, seen, reason in zip(norms, trained, why, strict=True)]
    still = [None if seen.moved else reason for seen, reason in zip(trained, still, strict=True)]
    unseen = [index for index, seen in enumerate(trained) if not seen.ended and still[index] is None]
    if unseen:
        with transaction(change.module) as inner, _silently():
            with suppress(Exception):  # a train() that raises has left all modes as they were
                modes.train(inner)
            _make_ready(inner, norms)
            for index in unseen:
                still[index] = _still_alone(norms[index])
    return still


def _seen_still(norm: Norm, seen: Seen) -> str | None:
    if seen.moved or not seen.ended:
        return None
    return _frozen(norm) if seen.trained else "frozen: the model's forward puts it into evaluation mode"


def _still_alone(norm: Norm) -> str | None:
    moves = moves_alone(norm)
    if moves is None:
        return (
            f"whether training moves its statistics is not known: a {norm.kind} that the training forward did not call"
        )
    return None if moves else _frozen(norm)


def _frozen(norm: Norm) -> str:
    if hasattr(norm.modules[0], "momentum") and _are_stock([norm]):
        off = not getattr(norm.modules[0], "track_running_stats", True)
        cause = "track_running_stats = False" if off else f"momentum = {norm.modules[0].momentum}"
        return f"frozen: a training step does not move its statistics ({cause})"
    return f"frozen: a {norm.kind} never moves its statistics"


def _reading(norm: Norm, trained: Seen, evaluated: Seen, *, alone: bool) -> tuple[int | str, str | None]:
    """How a norm reads whose forward is somebody's own, or why nobody knows."""
    if not trained.calls and not evaluated.calls:
        return (
            1,
            f"what a {norm.kind} normalizes is not known: it was not called with the first batch, or a rank has none",
        )
    if trained.moved and alone and trained.stored.axis is None and not trained.stored.by_operator:
        return 1, f"what a {norm.kind} stores in training are not the moments of what it is given"
    if evaluated.operators:
        return _by_operator(norm, trained, evaluated, alone=alone)
    if evaluated.foreign:
        return 1, f"a {norm.kind} normalizes by other statistics than those that it holds, or by a copy of them"
    if max(trained.tensors, evaluated.tensors) > 1:
        return 1, f"what a {norm.kind} normalizes is not known: it takes more than one tensor, such as a mask"
    if evaluated.normalizes is None:
        return 1, f"what a {norm.kind} normalizes is not known: in evaluation it does more, or by other statistics"
    if trained.moved and alone and trained.stored.axis != evaluated.normalizes:
        return 1, f"a {norm.kind} evaluates other numbers than those whose moments it stores in training"
    return evaluated.normalizes, None


def _by_operator(norm: Norm, trained: Seen, evaluated: Seen, *, alone: bool) -> tuple[int | str, str | None]:
    if evaluated.silent:
        return 1, f"what a {norm.kind} normalizes is not known: an operator does it in some calls, and none in others"
    if trained.moved and alone and trained.operators and trained.values != evaluated.values:
        return 1, f"a {norm.kind} evaluates other numbers than those whose moments it stores in training"
    # Also where it was given the very tensor: with other data it may be another.
    return BY_OPERATOR, None


def _are_stock(norms: Sequence[Norm]) -> bool:
    return all(is_stock(module) for norm in norms for module in norm.modules)


def _have_own_train(norms: Sequence[Norm]) -> bool:
    return any(type(module).train is not nn.Module.train for norm in norms for module in norm.modules)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
