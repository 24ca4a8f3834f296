"""One update of the weights, by all processes together; it stops where a number stops being finite."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import RefusedError
from ..ranks import exchange
from ..runs import first_nonfinite, nonfinite_entry
from ._checkpoint import Position
from ._course import Course
from ._job import Job
from ._messages import what_to_try
from ._own_states import put_buffers
from ._whole_step import whole_step
from ._window import window


class DivergenceError(RefusedError):
    """A loss or a weight stopped being finite; the message names the step, the place and what to try."""


@dataclass(frozen=True)
class Learned:
    """What a batch came to, in all processes: the sums of its losses, its hits and its images."""

    loss: float
    plain: float
    correct: int
    images: int


def take_step(course: Course, images: Tensor, labels: Tensor) -> None:
    """One update of the weights, and of the epoch's sums.

    The gradient is that of the mean loss over all images of a step, whatever batches they lie in, and whichever process
    has them: a last batch of fewer images has a smaller share, and so has a process with fewer. A step of several
    batches moves the running statistics once.

    Args:
        course: the training; all processes hear of a wish to stop ahead of the update.
        images: this process's part of each of the step's batches, one behind the other.
        labels: theirs.

    Raises:
        DivergenceError: the loss is not finite; nothing has been updated.
        RankError: another process failed, or cannot be reached; the training stands where it did.
    """
    job = course.job
    with whole_step(job):
        learned = _learn(course, images, labels)
    if job.config.clip_norm:
        nn.utils.clip_grad_norm_(job.model.parameters(), job.config.clip_norm)
    job.optimizer.step()
    job.scheduler.step()
    if job.average is not None:
        job.average.update_parameters(job.model)
    _add_up(job.position, learned)


def _learn(course: Course, images: Tensor, labels: Tensor) -> list[Learned]:
    """Give each parameter the gradient of the step, in every process, and return what its batches came to."""
    job, config = course.job, course.job.config
    sizes = job.train.sizes(job.position.step)
    mine = [job.share.count(size) for size in sizes]
    batches = [*zip(torch.split(images, mine), torch.split(labels, mine), strict=True)]
    learned = []
    with window(job.model, len(batches)) if config.accumulate > 1 else nullcontext():
        for number, (some, known) in enumerate(batches, start=1):
            place = f" of batch {number} of {len(batches)}" if len(batches) > 1 else ""
            with _averaging(job, last=number == len(batches)):
                loss, done = _look(course, some.to(job.device), known.to(job.device), place)
                if number == 1:
                    job.optimizer.zero_grad()
                # The mean of all processes' gradients is taken, where their sum is meant.
                weight = len(known) * job.ranks.size / sum(sizes)
                (loss * weight).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            learned.append(done)
    return learned


def _averaging(job: Job, *, last: bool) -> AbstractContextManager[None]:
    """Let the processes average their gradients once for a step."""
    return nullcontext() if last or job.data_parallel is None else job.data_parallel.no_sync()


def _look(course: Course, images: Tensor, labels: Tensor, place: str) -> tuple[Tensor, Learned]:
    """Return the loss of this process's part of a batch, to be differentiated, and what the whole came to."""
    job = course.job
    smoothing, count = job.config.label_smoothing, len(labels)
    with job.precision():
        with nullcontext() if count or job.config.sync_bn else _same_buffers(job.model):
            outputs = (job.data_parallel or job.model)(images)
        if count:
            loss = F.cross_entropy(outputs, labels, label_smoothing=smoothing)
            plain = F.cross_entropy(outputs.detach(), labels) if smoothing else loss.detach()
        else:  # there is no mean of nothing, but a gradient
            loss = outputs.float().sum()
            plain = loss.detach()
        value, plain_value = torch.stack([loss.detach(), plain]).tolist()
        hits = int((outputs.argmax(1) == labels).sum()) if count else 0
        told = [value * count, plain_value * count, hits, count, course.stop.heard is not None]
        total, total_plain, correct, seen, asked = job.ranks.sum(torch.tensor(told, dtype=torch.float64)).tolist()
        course.stop.agree(asked > 0)
        if not math.isfinite(total):
            _refuse_loss(course, images, value, place)
    return loss, Learned(total, total_plain, int(correct), int(seen))


@contextmanager
def _same_buffers(net: nn.Module) -> Iterator[None]:
    """Keep what a net would learn of no image: a counter, or what becomes of a mean of nothing."""
    before = {name: buffer.detach().clone() for name, buffer in net.named_buffers()}
    try:
        yield
    finally:
        put_buffers(net, before)


def _refuse_loss(course: Course, images: Tensor, value: float, place: str) -> None:
    """Raise in all processes, of which each looks where its part of the batch stopped being finite."""
    ranks = course.job.ranks
    where = first_nonfinite(course.job.model, images)
    told = exchange(ranks, None if math.isfinite(value) else (str(value), where))
    values, places = zip(*[one for one in told if one is not None], strict=True)
    first = places[0]
    if ranks.size > 1:
        first = "; ".join(f"{one[1]} (in process {rank})" for rank, one in enumerate(told) if one is not None)
    raise DivergenceError.of(what_to_try(course, f"the loss{place} became {values[0]}; first not finite: {first}"))


def _add_up(here: Position, learned: list[Learned]) -> None:
    here.step += 1
    for batch in learned:
        here.seen += batch.images
        here.loss += batch.loss
        here.plain = None if here.plain is None else here.plain + batch.plain
        here.correct += batch.correct


def refuse_nonfinite(course: Course) -> None:
    """Raise, in all processes, if an update has made a weight or a statistic infinite or NaN in one of them.

    Raises:
        DivergenceError: it has.
    """
    job = course.job
    names = exchange(job.ranks, nonfinite_entry(job.model) or nonfinite_entry(job.best))
    name = next(filter(None, names), None)
    if name:
        raise DivergenceError.of(what_to_try(course, f"the last update made {name} infinite or NaN"))
