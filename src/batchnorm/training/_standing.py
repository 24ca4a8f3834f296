"""How does a longer training take the place of the finished one that it goes on from? All at once, in the end.

Until then model and result of the shorter one stay as they are, whatever becomes of the longer one.
"""

import hashlib
from dataclasses import dataclass, replace

from ..records import RunRecalibration, TrainResult, to_json
from ..runs import RunFolder, model_bytes, write_together
from ._checkpoint import checkpoint_bytes
from ._course import Course


@dataclass(frozen=True)
class Recalibrated:
    """What a recalibration has come to that is not written yet, and the file of the model as it had been trained."""

    record: RunRecalibration
    trained: bytes

    def with_model(self, folder: RunFolder, model: bytes) -> "Recalibrated":
        """Return it with what is known once the model has its place."""
        digest = hashlib.sha256(model).hexdigest()
        said = replace(self.record, written=str(folder.model), sha256=digest, kept=str(folder.former_model))
        return replace(self, record=said)


def take_its_place(course: Course, result: TrainResult, recalibrated: Recalibrated | None) -> None:
    """Write model, checkpoint and result, and what a recalibration came to, over those of the shorter training.

    Raises:
        OSError: they cannot be written; all is as before.
        RankError: another process failed, or cannot be reached.
    """
    job, folder = course.job, course.folder
    checkpoint = job.checkpoint()
    if folder:
        model = model_bytes(job.best, job.card)
        recalibrated = recalibrated and recalibrated.with_model(folder, model)
        files = {folder.model: model, folder.checkpoint: checkpoint_bytes(checkpoint)}
        if recalibrated:
            record = (to_json(recalibrated.record) + "\n").encode()
            files = {folder.former_model: recalibrated.trained, folder.recalibration: record, **files}
        write_together({**files, folder.result: (to_json(result) + "\n").encode()})
        if not job.position.recalibrated:  # what there may be was of the shorter training's model
            folder.former_model.unlink(missing_ok=True)
            folder.recalibration.unlink(missing_ok=True)
    if recalibrated:
        course.watcher.recalibrated(recalibrated.record)
    job.standing = None
