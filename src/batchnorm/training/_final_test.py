"""What did a training come to? Its net is judged by the test images, once."""

from ..records import TrainResult
from ..runs import evaluation_batches
from ._course import Course
from ._judged import judged
from ._kept import shipped_epoch


def final_test(course: Course) -> TrainResult:
    """Look at the test images, for the first and only time.

    Raises:
        DivergenceError: the last update made numbers of the net infinite or NaN.
    """
    job, folder = course.job, course.folder
    batches = evaluation_batches(job.source.load("test"), job.card.normalization, job.config)
    shipped = shipped_epoch(job)
    loss, accuracy = judged(course, batches, "test")
    return TrainResult(
        test_accuracy=accuracy,
        test_loss=loss,
        seconds=job.position.seconds,
        run=str(folder.path) if folder else None,
        model=job.card.model,
        data=job.card.data,
        epochs=job.config.epochs,
        steps=job.config.epochs * len(job.train),
        seed=job.config.seed,
        parameters=sum(parameter.numel() for parameter in job.model.parameters()),
        val_accuracy=shipped.val_accuracy,
        val_loss=shipped.val_loss,
        recalibrate=job.config.recalibrate,
        moments=job.config.moments,
        refresh=None if job.refreshes is None else job.refreshes.every,
        refreshes=job.position.measured,
        refresh_seconds=job.position.refresh_seconds,
        frozen=job.frozen.names if job.frozen else (),
        frozen_since=job.frozen.since if job.frozen else None,
        processes=job.ranks.size,
        init=job.config.init,
        freeze=job.config.freeze,
        norm_mode=job.parts.mode if job.parts else None,
        untrained=job.parts.numbers(job.model) if job.parts else 0,
        kept_epoch=None if job.kept is None else shipped.epoch,
        lengthened=tuple(job.lengthened),
    )
