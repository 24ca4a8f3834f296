"""What is seen of the norms in one forward in training mode, and in one in evaluation?"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import MethodType

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..calls import Call
from ..functional import BATCH, Source, gathers
from ..transaction import Attributes, Transaction, transaction
from ._find import Norm, are_stock, forward_of
from ._look import Look, Seen
from ._modes import Modes, reasons

_FEW = 2
"""Samples that are enough to see what a model does."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of the forward in training.

    Attributes:
        seen: of each norm.
        why: each norm's reason not to move, told by modes alone.
        part: with what the forward was run, at the last try; None if it was not.
        note: why it came to no end, for the user.
    """

    seen: list[Seen]
    why: list[str | None]
    part: Call | None = None
    note: str | None = None


def train(change: Transaction, norms: Sequence[Norm], call: Call | None, modes: Modes) -> Trained:
    """One forward in training, with whatever of the call it comes to its end with; everything is put back."""
    error: Exception | None = None
    found = Trained([Seen() for _ in norms], [None for _ in norms])
    for part, grad, watched in _attempts(call, norms):
        look = Look(norms)
        with transaction(change.module) as inner:
            try:
                modes.train(inner)
                found = Trained(look.seen, reasons(modes, norms), part)
                if part is None:
                    return found
                make_ready(inner, norms)
                mode = look.on(inner)
                with silently(), torch.set_grad_enabled(grad), mode if watched else nullcontext():
                    part.copied().run(inner.module)  # a model may write into what it is given
                look.finish()
            except (MemoryError, torch.OutOfMemoryError):
                raise  # says nothing of the norms
            except Exception as raised:  # whatever a model may raise that is trained otherwise than it is evaluated
                error = raised
            else:
                return found
    note = (
        f"the model cannot run in training mode on a batch alone ({type(error).__name__}: {_first_line(error)}): which "
        "norms are frozen is told by their modes, and by calling each by itself"
    )
    return Trained(found.seen, found.why, found.part, note)


def evaluate(change: Transaction, norms: Sequence[Norm], call: Call, first: Call | None) -> list[Seen]:
    """One forward in evaluation, with what the one in training was run with if that can be."""
    look = Look(norms)
    for part in (*([first] if first else []), *_parts(call, norms)):
        look = Look(norms)
        with transaction(change.module) as inner:
            inner.evaluate()
            make_ready(inner, norms)
            try:
                with silently(), torch.no_grad(), look.on(inner):
                    part.copied().run(inner.module)
            except (MemoryError, torch.OutOfMemoryError):
                raise
            except Exception:  # noqa: S112  # the pass that follows raises it again, for the user to see
                continue
            break
    return look.seen


@contextmanager
def silently() -> Iterator[None]:
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
    if are_stock(norms):
        yield _parts(call, norms)[0], False, False  # some models run under no mode


def _parts(call: Call, norms: Sequence[Norm]) -> tuple[Call, ...]:
    """What is tried, one after the other: the whole batch first where a forward of somebody's own is to be judged."""
    few = call.first(_FEW)
    parts = (few, call) if are_stock(norms) else (call, few)
    return parts if few is not call else (call,)


def make_ready(change: Transaction, norms: Sequence[Norm]) -> None:
    """Let a movement be seen where the statistics are broken, and synchronized norms run by themselves.

    A source of moments whose batches move no statistics (`Population`) wants them measured: it freezes nothing. Whether
    anything does is seen by the batch's own moments.
    """
    for norm in norms:
        norm.mean.nan_to_num_(0.0, 0.0, 0.0)
        norm.var.nan_to_num_(1.0, 1.0, 1.0)
        for module in norm.modules:
            if module.__dict__.get("_tracking") is not None:  # what a block keeps back, and only for its time
                change.set(module, "_tracking", None)
            source = getattr(module, "moments", None)
            if isinstance(source, Source) and not source.at(training=True).tracks:
                change.set(module, "moments", BATCH)
            run_alone(change, module)


def run_alone(change: Transaction | Attributes, module: nn.Module) -> None:
    """Let a synchronized norm go by its own batch: the other processes need not be where this one is."""
    source = getattr(module, "moments", None)
    if isinstance(source, Source) and gathers(source.at(training=True)):
        change.set(module, "moments", BATCH)
    if isinstance(module, nn.SyncBatchNorm) and forward_of(module) is nn.SyncBatchNorm.forward:
        change.set(module, "forward", MethodType(_BatchNorm.forward, module))


def _first_line(error: Exception | None) -> str:
    return (str(error).splitlines() or [""])[0][:200]
