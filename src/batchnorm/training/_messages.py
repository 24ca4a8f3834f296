"""What a training says to its user: what lies ahead, how to go on, what to try after a divergence."""

from collections.abc import Iterator

import torch

from ..data import Share
from ..errors import Fault, Sentence, Setting, Words
from ..models import file_may_name
from ..progress import FreezingPlan, PartsPlan, Plan, PopulationPlan
from ..runs import RunFolder, is_named, is_path
from ._checkpoint import Checkpoint
from ._course import Course
from ._frozen_norms import notes_on_freezing
from ._job import Job
from ._moments import notes_on_moments


def announce(course: Course) -> None:
    """Tell the watcher what lies ahead, and what the user might not expect."""
    job, watcher = course.job, course.watcher
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
            population=_population(job),
            freezing=_freezing(job),
            batches_per_step=job.config.accumulate,
            initialization=job.initialization,
            parts=_parts(job),
        )
    )
    if job.train.left_out:
        watcher.note(
            "the last batch of an epoch would hold a single image, of which batch norm learns nothing: "
            "each epoch leaves one image out"
        )
    if job.average_images is not None:
        watcher.note(
            f"the average's statistics are measured on {job.average_images.count:,} training images at each epoch's end"
        )
    for told in _notes_on_freezing(job) if job.steps_done == 0 else ():
        watcher.note(told)
    seen = job.config.batch_size if job.config.sync_bn else Share(0, job.ranks.size).count(job.config.batch_size)
    for note in notes_on_moments(job.model, job.config, len(job.train) * job.config.epochs, seen):
        watcher.note(note)
    if job.config.flip and not job.source.info.flippable:
        watcher.note(
            Sentence(f"{job.card.data}: mirrored images may belong to other classes, so ", Setting("flip"), " is off")
        )


def _notes_on_freezing(job: Job) -> Iterator[str]:
    yield from notes_on_freezing(job.model, job.frozen)
    if job.parts is None:
        return
    if job.config.init is None and "model" not in job.in_hand and file_may_name(job.config.model):
        yield "what is not trained keeps the random weights that it begins with: the net is not started with others"
    if job.parts_images is None:
        yield from notes_on_freezing(job.model, job.parts.still)


def _freezing(job: Job) -> FreezingPlan | None:
    if job.frozen is None:
        return None
    return FreezingPlan(job.frozen.names, job.frozen.since, steps=len(job.train) * job.config.epochs)


def _parts(job: Job) -> PartsPlan | None:
    if job.parts is None or job.config.freeze is None:
        return None
    measured = job.parts_images is not None and job.parts.still is not None and not job.steps_done
    images = job.parts_images.count if job.parts_images and measured else None
    return PartsPlan(job.config.freeze, job.parts.numbers(job.model), job.parts.norms, job.parts.mode, images)


def _population(job: Job) -> PopulationPlan | None:
    """Return what is still to be measured, and what the steps that are left read."""
    if job.refreshes is None:
        return None
    steps_left = job.refreshes.steps - job.steps_done
    return PopulationPlan(
        images=job.refreshes.images.count,
        augmented=job.refreshes.images.augmented,
        every=job.refreshes.every,
        done=job.position.refreshes,
        left=job.refreshes.by(job.refreshes.last) - job.position.refreshes,
        step_images=round(steps_left * job.train.images_per_epoch / len(job.train)),
    )


def what_differs(job: Job, checkpoint: Checkpoint) -> Iterator[str]:
    """Yield in what a run that goes on is another than if it had not been stopped."""
    planned, epochs = checkpoint.circumstances.get("epochs"), job.config.epochs
    if planned != epochs:
        before = checkpoint.states["optimizer"]["param_groups"][0]["lr"]
        now = job.optimizer.param_groups[0]["lr"]
        yield (
            f"the run goes on for longer, to {epochs:,} epochs instead of {planned:,}: from here on the learning rate "
            f"is that of a training of {epochs:,} (in the next step {now:.3g} instead of {before:.3g})"
        )
    if checkpoint.threads != torch.get_num_threads():
        yield f"the run had {checkpoint.threads} threads: it goes on, but not bit for bit"
    if checkpoint.processes != job.ranks.size:
        begun = "1 process" if checkpoint.processes == 1 else f"{checkpoint.processes} processes"
        yield (
            f"the run had {begun}, and now has {job.ranks.size}: it goes on with the same images in the same order, "
            "but not bit for bit"
        )
    if "route" not in checkpoint.circumstances and job.config.norm == "batchnorm" and job.config.route != "native":
        yield (
            f"the run is older than the option route, and had the native one: it goes on by {job.config.route!r}, "
            'which may compute other bits; route = "native" in its config.toml keeps them'
        )


def how_to_go_on(job: Job, signal: str) -> Sentence:
    """Return what an interrupted user needs to know."""
    place = f"{signal}: stopped {where_it_stands(job)}"
    if job.run is None:
        return Sentence(f"{place}; nothing is saved, for no folder was given (", Setting("out"), ")")
    return Sentence(f"{place}; all is saved, go on with: ", resuming(job, job.run))


def where_it_stands(job: Job) -> str:
    """Return between which two steps a training is."""
    here = job.position
    if here.epoch == job.config.epochs:
        return "after the last epoch, before the test"
    return f"in epoch {here.epoch + 1} after step {here.step} of {len(job.train)}"


def resuming(job: Job, folder: RunFolder) -> Words:
    """Return with what a training is gone on with."""
    if job.in_hand:
        own = "".join(f", {name}=..." for name in job.in_hand)
        return f"batchnorm.training.resume({str(folder.path)!r}{own})"
    model = None if file_may_name(job.config.model) else job.config.model
    source = None if is_named(job.config.data) or is_path(job.config.data) else str(job.config.data)
    return folder.resuming(model, source)


def what_to_try(course: Course, fault: Words) -> Fault:
    """Return where a training stopped being finite, what is left of it, and what helps most often."""
    job, folder = course.job, course.folder
    here, config = job.position, job.config
    step = min(here.step + 1, len(job.train))
    place = f"epoch {min(here.epoch + 1, config.epochs)}, step {step} of {len(job.train)}: "
    kept = ""
    other: Words = "" if config.clip_norm else (", or ", Setting("clip_norm", 1))
    sooner: Words = ""
    if job.refreshes is not None:
        age = job.refreshes.age(job.steps_done)
        kept += f"; the population's statistics are {age} {'step' if age == 1 else 'steps'} old"
        if job.refreshes.every > 1 and job.steps_done < job.refreshes.last:
            sooner = (", or a lower ", Setting("refresh"), f" (now {job.refreshes.every:,})")
    if folder is not None and folder.checkpoint.exists():
        kept += f". The last good checkpoint stays in {folder.checkpoint}"
    cure = ("Try a lower ", Setting("lr"), f" (now {config.lr:g})", other, sooner, ".")
    return Fault(problem=(place, fault, kept), cure=cure)
