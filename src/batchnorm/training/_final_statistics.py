"""The statistics of a net whose training is done: computed anew before it is tested, if the config says so."""

from ..errors import RefusedError, words_of
from ..progress import RecalibrationWatcher
from ..ranks import RankError
from ..records import Judgement, RunRecalibration
from ..runs import (
    RECALIBRATION_BATCH,
    Destination,
    RecalibrationImages,
    model_bytes,
)
from ..statistics import recalibrate
from ._checkpoint import save_checkpoint
from ._course import Course
from ._judged import judgement
from ._kept import shipped_epoch
from ._left_alone import stopped_together
from ._population import stop_measuring
from ._standing import Recalibrated
from ._when_trained import when_trained


def recalibrate_trained(course: Course) -> Recalibrated | None:
    """Give the net to ship the statistics of its training images, and write model, record and checkpoint.

    Where the result of a shorter training stands, what is to be written is returned: it takes the place of all of that.
    Until all is written the checkpoint is that of the last epoch, so that a resumed run does it again. It follows from
    the weights and the seed: it comes to the same.

    Raises:
        TrainingInterrupted: SIGINT or SIGTERM came; nothing has been changed.
        RefusedError: it cannot be done; the trained net stays as it is.
    """
    job, folder, config = course.job, course.folder, course.job.config
    if config.recalibrate == "off" or job.position.recalibrated:
        return None
    images = RecalibrationImages(
        job.train.split,
        job.card.normalization,
        augmentation=job.train.augmentation,
        seed=config.seed,
        epoch=config.epochs,
        channels_last=config.channels_last,
        share=job.share,
    )
    trained = _as_trained(course)
    try:
        with stopped_together(job):
            record = recalibrate(job.best, images, method=config.recalibrate, watcher=_Stoppable(course))
    except RankError:
        raise
    except (ValueError, RuntimeError) as error:
        place = folder and (folder.checkpoint if job.standing else folder.model)
        saved = f"; the trained net is saved in {place}" if place else ""
        why = when_trained(words_of(error), "recalibrate")
        raise RefusedError((f"the training is done{saved}, but its recalibration failed: ", why)) from error
    then = shipped_epoch(job)
    said = RunRecalibration(
        run=str(folder.path) if folder else "",
        data=job.card.data,
        split="train",
        augmented=images.augmented,
        batch_size=RECALIBRATION_BATCH,
        judged_on=None if job.val is None else "validation",
        judged=0 if job.val is None else len(job.val.split),
        before=None if then.val_accuracy is None else Judgement(then.val_loss, then.val_accuracy),
        after=None if job.val is None else judgement(job, job.val),
        written=None,
        sha256=None,
        kept=None,
        recalibration=record,
    )
    job.position.recalibrated = True
    checkpoint = job.checkpoint()
    if job.standing:
        return Recalibrated(said, trained)
    if folder:
        said = Destination.in_place(folder).write(model_bytes(job.best, job.card), said)
        save_checkpoint(folder.checkpoint, checkpoint)
    course.watcher.recalibrated(said)
    return None


def _as_trained(course: Course) -> bytes:
    """Return the file of the net to ship as it has been trained, for the place of a shorter training's.

    Where no epoch has become better, the weights are those of the shorter one, recalibrated there: its file stays.
    """
    job, folder = course.job, course.folder
    if not (folder and job.standing):
        return b""
    same = job.kept is not None and job.standing.kept_epoch == shipped_epoch(job).epoch
    return (
        folder.former_model.read_bytes() if same and folder.former_model.is_file() else model_bytes(job.best, job.card)
    )


class _Stoppable(RecalibrationWatcher):
    """Passes on to the training's watcher, and ends the recalibration if the training is to stop."""

    def __init__(self, course: Course) -> None:
        self.course = course

    def planned(self, rounds: int, seconds: float) -> None:
        self.course.watcher.planned(rounds, seconds)

    def batch(self, done: int, total: int | None, number: int) -> None:
        self.course.watcher.batch(done, total, number)
        stop_measuring(self.course)

    def note(self, message: str) -> None:
        self.course.watcher.note(message)
