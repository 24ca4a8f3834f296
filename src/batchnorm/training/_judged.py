"""How good is the net to ship? Each process judges its part of the images, and all come to the same numbers."""

import math
from itertools import islice

import torch
from torch import Tensor, nn

from ..data import Batches
from ..records import Judgement
from ..runs import RunFolder, collect_outputs, first_nonfinite, loss_and_accuracy
from ._job import Job
from ._messages import what_to_try
from ._shipped import as_shipped
from ._step import DivergenceError, refuse_nonfinite


def judged(job: Job, folder: RunFolder | None, batches: Batches, name: str) -> tuple[float, float]:
    """Return loss and accuracy of the net to ship.

    Raises:
        DivergenceError: they are not finite.
        RankError: another process failed, or cannot be reached.
    """
    # The last update is the only one whose weights no training loss has tried.
    refuse_nonfinite(job, folder)
    with as_shipped(job) as net:
        loss, accuracy = loss_and_accuracy(*_outputs(job, net.eval(), batches))
        if not math.isfinite(loss):
            place = first_nonfinite(net, next(iter(batches))[0].to(job.device))
            fault = f"the {name} loss became {loss}; first not finite: {place}"
            raise DivergenceError.of(what_to_try(job, folder, fault))
    return loss, accuracy


def judgement(job: Job, batches: Batches) -> Judgement:
    """Return loss and accuracy of the net to ship, whatever they are.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    with as_shipped(job) as net:
        loss, accuracy = loss_and_accuracy(*_outputs(job, net.eval(), batches))
    return Judgement(loss if math.isfinite(loss) else None, accuracy)


def _outputs(job: Job, net: nn.Module, batches: Batches) -> tuple[Tensor, Tensor]:
    """Return the outputs for all images, and the labels; each process computes whole batches, as one alone would."""
    if job.ranks.size == 1:
        return collect_outputs(net, batches, job.device)
    mine = job.share.of(len(batches))
    count = mine.stop - mine.start
    outputs = torch.empty(0)
    if count:
        outputs, _ = collect_outputs(net, islice(batches.epoch(start_step=mine.start), count), job.device)
    parts = job.ranks.gather(outputs.double().flatten())
    return torch.cat(parts).float().reshape(len(batches.split), -1), batches.split.labels
