"""One update of the weights, one look at how good they are; both stop where a number stops being finite."""

import math
from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import Batches
from ..errors import RefusedError
from ..runs import RunFolder, collect_outputs, first_nonfinite, loss_and_accuracy, nonfinite_entry
from ._checkpoint import Position
from ._messages import what_to_try
from ._preparation import Job
from ._window import window


class DivergenceError(RefusedError):
    """A loss or a weight stopped being finite; the message names the step, the place and what to try."""


@dataclass(frozen=True)
class Learned:
    """What a batch came to, of which the gradients are known: its mean losses, hits and images."""

    loss: float
    plain: float
    correct: int
    images: int


def take_step(job: Job, folder: RunFolder | None, images: Tensor, labels: Tensor) -> None:
    """One update of the weights, and of the epoch's sums.

    The gradient is that of the mean loss over all images of a step, whatever batches they lie in: a last one of fewer
    images has a smaller share. A step of several batches moves the running statistics once.
    """
    config, size = job.config, job.config.batch_size
    batches = [*zip(torch.split(images, size), torch.split(labels, size), strict=True)]
    learned = []
    with window(job.model, len(batches)) if config.accumulate > 1 else nullcontext():
        for number, (some, known) in enumerate(batches, start=1):
            place = f" of batch {number} of {len(batches)}" if len(batches) > 1 else ""
            loss, done = _look(job, folder, some.to(job.device), known.to(job.device), place)
            if number == 1:
                job.optimizer.zero_grad()
            (loss * (done.images / len(labels))).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            learned.append(done)
    if config.clip_norm:
        nn.utils.clip_grad_norm_(job.model.parameters(), config.clip_norm)
    job.optimizer.step()
    job.scheduler.step()
    if job.average is not None:
        job.average.update_parameters(job.model)
    _add_up(job.position, learned)


def _look(job: Job, folder: RunFolder | None, images: Tensor, labels: Tensor, place: str) -> tuple[Tensor, Learned]:
    """Return the loss of a batch, to be differentiated, and what it came to."""
    smoothing = job.config.label_smoothing
    with job.precision():
        outputs = job.model(images)
        loss = F.cross_entropy(outputs, labels, label_smoothing=smoothing)
        plain = F.cross_entropy(outputs.detach(), labels) if smoothing else loss.detach()
        value, plain_value = torch.stack([loss.detach(), plain]).tolist()
        if not math.isfinite(value):
            first = first_nonfinite(job.model, images)
            fault = f"the loss{place} became {value}; first not finite: {first}"
            raise DivergenceError.of(what_to_try(job, folder, fault))
    return loss, Learned(value, plain_value, int((outputs.argmax(1) == labels).sum()), len(labels))


def _add_up(here: Position, learned: list[Learned]) -> None:
    here.step += 1
    for batch in learned:
        here.seen += batch.images
        here.loss += batch.loss * batch.images
        here.plain = None if here.plain is None else here.plain + batch.plain * batch.images
        here.correct += batch.correct


def judged(job: Job, folder: RunFolder | None, batches: Batches, name: str) -> tuple[float, float]:
    """Return loss and accuracy of the net to ship."""
    # The last update is the only one whose weights no training loss has tried.
    refuse_nonfinite(job, folder)
    loss, accuracy = loss_and_accuracy(*collect_outputs(job.best.eval(), batches, job.device))
    if not math.isfinite(loss):
        place = first_nonfinite(job.best, next(iter(batches))[0].to(job.device))
        fault = f"the {name} loss became {loss}; first not finite: {place}"
        raise DivergenceError.of(what_to_try(job, folder, fault))
    return loss, accuracy


def refuse_nonfinite(job: Job, folder: RunFolder | None) -> None:
    """Raise if an update has made a weight or a statistic infinite or NaN.

    Raises:
        DivergenceError: it has.
    """
    name = nonfinite_entry(job.model) or nonfinite_entry(job.best)
    if name:
        raise DivergenceError.of(what_to_try(job, folder, f"the last update made {name} infinite or NaN"))
