"""What a training says to its user: what lies ahead, how to go on, what to try after a divergence."""

from collections.abc import Iterator

import torch

from ..errors import Fault, Sentence, Setting
from ..models import is_builtin
from ..progress import Plan, Watcher
from ..runs import RunFolder, is_named
from ._checkpoint import Checkpoint
from ._preparation import Job


def announce(job: Job, watcher: Watcher) -> None:
    """Tell `watcher` what lies ahead, and what the user might not expect."""
    watcher.started(
        Plan(
            model=job.card.model,
            data=job.card.data,
            device=str(job.device),
            parameters=sum(parameter.numel() for parameter in job.model.parameters()),
            images=job.train.images_per_epoch,
            epochs=job.config.epochs,
            steps_per_epoch=len(job.train),
            first_epoch=job.position.epoch,
            first_step=job.position.step,
        )
    )
    if job.train.left_out:
        watcher.note(
            "the last batch of an epoch would hold a single image, of which batch norm learns nothing: "
            "each epoch leaves one image out"
        )
    if job.config.batch_size == 1:
        watcher.note("batch size 1: every image is normalized by its own statistics; expect a poor evaluation")
    if job.config.flip and not job.source.info.flippable:
        watcher.note(
            Sentence(f"{job.card.data}: mirrored images would be other classes, so ", Setting("flip"), " is off")
        )


def what_differs(job: Job, checkpoint: Checkpoint) -> Iterator[str]:
    """Yield why a run that goes on may end with other bits than if it had not been stopped."""
    if checkpoint.threads != torch.get_num_threads():
        yield f"the run had {checkpoint.threads} threads: it goes on, but not bit for bit"
    if "route" not in checkpoint.circumstances and job.config.norm == "batchnorm" and job.config.route != "native":
        yield (
            f"the run is older than the option route, and had the native one: it goes on by {job.config.route!r}, "
            'which may compute other bits; route = "native" in its config.toml keeps them'
        )


def how_to_go_on(job: Job, folder: RunFolder | None, signal: str) -> Sentence:
    """Return what an interrupted user needs to know."""
    here = job.position
    place = f"{signal}: stopped in epoch {here.epoch + 1} after step {here.step} of {len(job.train)}"
    if here.epoch == job.config.epochs:
        place = f"{signal}: stopped after the last epoch, before the test"
    if folder is None:
        return Sentence(f"{place}; nothing is saved, for no folder was given (", Setting("out"), ")")
    if job.in_hand:
        own = "".join(f", {name}=..." for name in job.in_hand)
        return Sentence(f"{place}; all is saved, go on with: batchnorm.training.resume({str(folder.path)!r}{own})")
    model = None if is_builtin(job.config.model) else job.config.model
    source = None if is_named(job.config.data) else str(job.config.data)
    return Sentence(f"{place}; all is saved, go on with: ", folder.resuming(model, source))


def what_to_try(job: Job, folder: RunFolder | None, fault: str) -> Fault:
    """Return where a training stopped being finite, what is left of it, and what helps most often."""
    here, config = job.position, job.config
    step = min(here.step + 1, len(job.train))
    place = f"epoch {min(here.epoch + 1, config.epochs)}, step {step} of {len(job.train)}: {fault}"
    if folder is not None and folder.checkpoint.exists():
        place += f". The last good checkpoint stays in {folder.checkpoint}"
    other = "" if config.clip_norm else (", or ", Setting("clip_norm", 1))
    return Fault(problem=place, cure=("Try a lower ", Setting("lr"), f" (now {config.lr:g})", other, "."))
