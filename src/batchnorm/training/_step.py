"""One update of the weights, one look at how good they are; both stop where a number stops being finite."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import Batches
from ..errors import RefusedError
from ..runs import RunFolder, collect_outputs, first_nonfinite, loss_and_accuracy, nonfinite_entry
from ._messages import what_to_try
from ._preparation import Job


class DivergenceError(RefusedError):
    """A loss or a weight stopped being finite; the message names the step, the place and what to try."""


def take_step(job: Job, folder: RunFolder | None, images: Tensor, labels: Tensor) -> None:
    """One update of the weights, and of the epoch's sums."""
    config, here = job.config, job.position
    with job.precision():
        outputs = job.model(images)
        loss = F.cross_entropy(outputs, labels, label_smoothing=config.label_smoothing)
        plain = F.cross_entropy(outputs.detach(), labels) if config.label_smoothing else loss.detach()
        value, plain_value = torch.stack([loss.detach(), plain]).tolist()
        if not math.isfinite(value):
            place = first_nonfinite(job.model, images)
            raise DivergenceError.of(what_to_try(job, folder, f"the loss became {value}; first not finite: {place}"))
    job.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    if config.clip_norm:
        nn.utils.clip_grad_norm_(job.model.parameters(), config.clip_norm)
    job.optimizer.step()
    job.scheduler.step()
    if job.average is not None:
        job.average.update_parameters(job.model)
    here.step += 1
    here.seen += len(labels)
    here.loss += value * len(labels)
    here.plain = None if here.plain is None else here.plain + plain_value * len(labels)
    here.correct += int((outputs.argmax(1) == labels).sum())


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
