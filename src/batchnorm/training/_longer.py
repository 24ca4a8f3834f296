"""A training is to go on for longer than it was planned: what of its checkpoint changes?

Its weights, and all that moves with them, stay. What follows from the number of epochs is from then on as in a training
of so many from the start: the learning rate, the step from which norms are frozen, the measurements of a population.
"""

from dataclasses import replace
from typing import Any

import torch

from ..errors import InputError
from ..runs import RunFolder, TrainConfig, write_config, write_together
from ._checkpoint import Checkpoint, Position, checkpoint_bytes
from ._frozen_norms import frozen_norms_of
from ._job import Job
from ._optimizer import make_scheduler
from ._refreshes import refreshes_of


def lengthened(job: Job, checkpoint: Checkpoint | None) -> Checkpoint | None:
    """Return the checkpoint as a training of the job's number of epochs may go on from it.

    Raises:
        InputError: it was planned for more.
    """
    if checkpoint is None:
        return None
    planned = checkpoint.circumstances.get("epochs")
    if type(planned) is not int or planned == job.config.epochs:
        return checkpoint
    check_no_shorter(job.config, planned)
    here = checkpoint.position
    done = here.epoch * len(job.train) + here.step
    longer = replace(checkpoint, circumstances={**checkpoint.circumstances, "epochs": job.config.epochs})
    if here.epoch > planned or here.step > len(job.train):
        return longer  # which is refused where it is to be restored
    return replace(
        longer,
        position=_position(job, here, planned, done),
        states={**checkpoint.states, **_schedule_at(job, checkpoint.states, done)},
        lengthened=[*checkpoint.lengthened, done],
    )


def keep_longer(folder: RunFolder, epochs: int, checkpoint: Checkpoint | None) -> None:
    """Let a run say of how many epochs it is from now on, in its config and, where it became another, its checkpoint.

    Raises:
        InputError: a run that has no checkpoint yet was planned for more.
        OSError: it cannot be written.
    """
    begun = folder.read_config()
    config = replace(begun, epochs=epochs)
    if not folder.checkpoint.exists():
        check_no_shorter(config, begun.epochs)
    files = {} if checkpoint is None else {folder.checkpoint: checkpoint_bytes(checkpoint)}
    if files or config != begun:
        write_together({**files, folder.config: write_config(config).encode()})


def check_no_shorter(config: TrainConfig, planned: int) -> None:
    """Raise unless a training is to have at least as many epochs as it was planned for.

    Raises:
        InputError: it is to have fewer.
    """
    if config.epochs < planned:
        raise InputError(
            argument="epochs",
            expected=f"at least the {planned:,} that the run was started with",
            got=f"{config.epochs:,}",
            cure="A shorter training is a new run.",
        )


def _schedule_at(job: Job, states: dict[str, Any], done: int) -> dict[str, Any]:
    """Return the states of schedule and optimizer after so many steps, which differ in the rate alone.

    It is found step by step, on numbers that nobody trains, so that its bits are those of a training from the start.
    """
    given = [group["initial_lr"] for group in job.optimizer.param_groups]
    none = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in given]
    optimizer = torch.optim.SGD(none)
    schedule = make_scheduler(optimizer, job.config, steps=len(job.train) * job.config.epochs)
    for _ in range(done):
        optimizer.step()  # of no gradient; torch wants to see it ahead of the schedule's
        schedule.step()
    try:
        groups = zip(states["optimizer"]["param_groups"], optimizer.param_groups, strict=True)
        rated = [{**group, "lr": other["lr"]} for group, other in groups]
        return {"scheduler": schedule.state_dict(), "optimizer": {**states["optimizer"], "param_groups": rated}}
    except (LookupError, TypeError, ValueError):
        return {}  # what is damaged is refused where it is to be restored


def _position(job: Job, here: Position, planned: int, done: int) -> Position:
    """Return where the training stands: before its end, and behind as many measurements as are planned until there."""
    here = replace(here, recalibrated=False)
    if job.refreshes is None:
        return here
    config = replace(job.config, epochs=planned)
    frozen = frozen_norms_of(job.model, config, planned * len(job.train))
    before = refreshes_of(job.model, job.train, config, frozen, job.share)
    still_due = before is not None and here.refreshes < before.by(done)
    due = job.refreshes.by(done)
    return replace(here, refreshes=max(due - 1, 0) if still_due and job.refreshes.fits(due - 1, done) else due)
