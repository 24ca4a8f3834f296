"""What do a run's other files say once its model has other statistics?"""

from dataclasses import replace

from ..errors import InputError, Setting
from ..records import RunRecalibration, TrainResult
from ..statistics import RecalibrationWatcher
from ._run_folder import RunFolder


def needs_own_file(problem: str) -> InputError:
    """Return the mistake of somebody whose recalibrated model must not be that of the run."""
    return InputError(problem, argument="out", cure=("Say where such a model is to go: ", Setting("out", "FILE"), "."))


def result_now(folder: RunFolder, said: RunRecalibration) -> TrainResult | None:
    """Return the result of a finished run, with what its model reaches by the new statistics.

    Args:
        folder: of the run.
        said: what was done, judged by the run's own test images.
    """
    result = folder.read_result()
    if result is None or said.after is None or said.after.loss is None:
        return None
    again = result.recalibrated_since is not None
    return replace(
        result,
        test_accuracy=said.after.accuracy,
        test_loss=said.after.loss,
        recalibrated_since=said.recalibration.method,
        trained_accuracy=result.trained_accuracy if again else result.test_accuracy,
        trained_loss=result.trained_loss if again else result.test_loss,
    )


def note_outdated(folder: RunFolder, watcher: RecalibrationWatcher) -> None:
    """Say which files of the run are of the model as it was."""
    for path, command in ((folder.folded, "fold"), (folder.path / "confusion_matrix.png", "evaluate")):
        if path.exists():
            watcher.note(f"{path.name} is of the model as it was; {command} makes it anew")
