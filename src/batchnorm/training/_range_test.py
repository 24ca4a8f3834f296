"""What does the loss of a training do at rising learning rates? Tried, and put back, before its first step."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count

from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR

from ..errors import ForPython, InputError, Sentence, Setting
from ..records import LRRangeTest
from ..runs import TrainingInterrupted
from ..transaction import rng_state, same_rng, transaction
from ._alike import check_alike
from ._checkpoint import Position
from ._course import Course
from ._data_parallel import data_parallel
from ._job import Job
from ._left_alone import says_how_to_go_on, stopped_together
from ._lr_range_options import LRRangeOptions
from ._lr_sweep import swept
from ._optimizer import make_optimizer, make_scheduler
from ._parts_measured import measure_parts
from ._population import measure_if_due
from ._step import DivergenceError, take_step
from ._suggested_lr import SMOOTHING, suggested
from ._synchronized import synchronized

STEP_NAMES = {"sgd": "SGD", "adamw": "AdamW"}


def range_test(course: Course, options: LRRangeOptions) -> LRRangeTest:
    """Train with rising learning rates on the images that the training begins with, and put everything back.

    What makes a step is the training's own: its batches, augmentation, loss, clipping, precision and processes. The net
    with all that it holds, and the random state, are afterwards as they were, bit for bit.

    Args:
        course: a training that stands before its first step.
        options: the rates.

    Raises:
        TrainingInterrupted: SIGINT or SIGTERM came; nothing is saved.
        RankError: another process failed, or cannot be reached.
        InputError: the processes would not train alike, or the population's statistics cannot be measured.
    """
    job, trial = course.job, replace(course, job=_trial(course.job, options), folder=None)
    with says_how_to_go_on(trial.job), _told_if_stopped(trial):
        check_alike(job)
        with _put_back(job), _ready(trial), closing(_batches(trial.job)) as batches:
            steps, ended = swept(options, _Step(trial, batches, options))
    found = suggested(steps, ended, options)
    record = LRRangeTest(
        model=job.card.model,
        data=job.card.data,
        optimizer=STEP_NAMES[job.config.optimizer],
        batch_size=sum(job.train.sizes(0)),
        smoothing=SMOOTHING,
        steps=steps,
        ended=ended,
        suggestion=found.lr,
        lowest=found.lowest,
        fallen=found.fallen,
        problem=found.problem,
    )
    course.watcher.rates_tried(record)
    return record


def take_found_lr(course: Course, options: LRRangeOptions) -> LRRangeTest:
    """Let a training that stands before its first step have the learning rate that a range test suggests.

    Raises:
        InputError: it suggests none; further as `range_test`.
    """
    job, record = course.job, range_test(course, options)
    if record.suggestion is None:
        raise InputError(
            record.summary(),
            argument="lr",
            cure=(
                "Give one, such as ",
                Setting("lr", 0.1 if job.config.optimizer == "sgd" else 0.001),
                ", or search by other options: ",
                ForPython(
                    "batchnorm.training.find_lr(..., options=LRRangeOptions(steps=400))",
                    otherwise=("batchnorm lr-find ", Setting("steps", 400)),
                ),
                ".",
            ),
        )
    job.config = replace(job.config, lr=record.suggestion)
    job.optimizer = make_optimizer(job.model, job.config)
    job.scheduler = make_scheduler(job.optimizer, job.config, steps=len(job.train) * job.config.epochs)
    return record


def _trial(job: Job, options: LRRangeOptions) -> Job:
    """Return a training of the same net that stands for itself: what moves in it moves in no other."""
    config = replace(job.config, lr=options.lr_min)
    optimizer = make_optimizer(job.model, config)
    return replace(
        job,
        config=config,
        average=None,
        average_images=None,
        optimizer=optimizer,
        scheduler=ConstantLR(optimizer, factor=1.0, total_iters=0),  # the rates are set from outside
        position=Position(),
        history=[],
        frozen=job.frozen if job.frozen and not job.frozen.since else None,
        kept=None,
        run=None,
    )


@contextmanager
def _put_back(job: Job) -> Iterator[None]:
    """Put the net back, and the chance of all devices."""
    with same_rng(rng_state([job.device])), transaction(job.model, scripts=True):
        yield


@contextmanager
def _ready(course: Course) -> Iterator[None]:
    """Let the net of a trial train for the block as it does at the beginning of the training."""
    trial = course.job
    with trial.released_at_the_end():
        measure_parts(course)
        trial.freeze_if_due()
        with synchronized(trial.model, trial.config), data_parallel(trial):
            trial.model.train()
            yield


@contextmanager
def _told_if_stopped(trial: Course) -> Iterator[None]:
    try:
        with stopped_together(trial.job):
            yield
    except TrainingInterrupted as error:
        signal = trial.stop.signal or trial.stop.heard or "a signal to another process"
        said = f"{signal}: stopped while a learning rate was looked for; nothing is saved"
        raise TrainingInterrupted(Sentence(said)) from error


def _batches(trial: Job) -> Generator[tuple[Tensor, Tensor]]:
    """Give the batches of the first epochs; the position knows which step of its epoch comes next."""
    for epoch in count():
        trial.position = Position(epoch=epoch, refreshes=trial.position.refreshes)
        yield from trial.train.epoch(trial.config.seed, epoch, share=trial.share)


class _Step:
    """Takes a step of a trial at a rate, and gives its loss; None where that was not finite."""

    def __init__(self, trial: Course, batches: Generator[tuple[Tensor, Tensor]], options: LRRangeOptions) -> None:
        self.trial, self.batches, self.options = trial, batches, options
        self.done = 0

    def __call__(self, rate: float) -> float | None:
        job = self.trial.job
        for group in job.optimizer.param_groups:
            group["lr"] = rate
        images, labels = next(self.batches)
        loss, seen = job.position.loss, job.position.seen
        try:
            measure_if_due(self.trial)
            take_step(self.trial, images, labels)
        except DivergenceError:
            return None
        self.done += 1
        mean = (job.position.loss - loss) / (job.position.seen - seen)
        self.trial.watcher.rate_tried(self.done, self.options.steps, rate, mean)
        if self.trial.stop.signal:
            raise TrainingInterrupted
        return mean
