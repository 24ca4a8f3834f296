"""The net of a training that is done: folded at the end, and written beside it, if the config says so."""

from dataclasses import replace

from ..errors import RefusedError, words_of
from ..ranks import exchange
from ..records import TrainResult
from ..runs import fold_and_judge, model_bytes, write_new_file
from ._course import Course
from ._when_trained import when_trained


def fold_trained(course: Course, result: TrainResult) -> TrainResult:
    """Fold a copy of the net to ship, judge it by the test images, write it, and add to the result what came of it.

    The trained net stays as it is. A result that speaks of a folded net already is returned as it is. Of several
    processes the first one does it, and tells the others what came of it.

    Raises:
        RefusedError: it cannot be done; model and result of the run are written already.
        OSError: the file cannot be written.
    """
    job = course.job
    if not job.config.fold or result.folded is not None:
        return result
    done = _fold(course) if job.ranks.first else None
    folded, accuracy = exchange(job.ranks, done)[0]
    return replace(result, folded=folded, folded_accuracy=accuracy)


def _fold(course: Course) -> tuple[int, float | None]:
    job, folder = course.job, course.folder
    test = job.source.load("test")
    try:
        folded, said = fold_and_judge(
            job.best.eval(),
            job.card,
            test,
            job.config,
            job.device,
            run=str(folder.path) if folder else "",
        )
        content = model_bytes(folded, job.card)
    except (ValueError, RuntimeError) as error:
        saved = f"; the trained net is saved in {folder.model}" if folder else ""
        why = when_trained(words_of(error), "fold")
        raise RefusedError((f"the training is done{saved}, but it could not be folded: ", why)) from error
    if folder:
        said = replace(said, written=str(folder.folded), sha256=write_new_file(folder.folded, content))
    course.watcher.folded(said)
    changed = sum(norm.outcome != "left" for norm in said.report.norms)
    return changed, said.after.accuracy if said.after else None
