"""From which checkpoint does a run go on, so that no model is lost that took longer to train?"""

import shlex

from ..errors import ForPython, InputError, Setting, Words
from ..runs import RunFolder, TrainConfig
from ._checkpoint import Checkpoint, load_checkpoint


def last_checkpoint(folder: RunFolder) -> Checkpoint | None:
    """Return the checkpoint of a run, `None` where it was stopped before its first: its seed says all.

    Raises:
        InputError: it is damaged, or gone.
    """
    if folder.checkpoint.exists():
        return load_checkpoint(folder.checkpoint)
    # The metrics are written after the checkpoint, the result at the end.
    if folder.result.exists() or folder.metrics.exists():
        raise InputError(
            f"{folder.checkpoint}: the checkpoint is gone, and without it the training would begin anew and replace "
            "the model of this run",
            cure=_other_ways(folder),
        )
    return None


def refuse_older(folder: RunFolder, checkpoint: Checkpoint, config: TrainConfig) -> None:
    """Raise if the run is finished, and the checkpoint from before its end.

    Raises:
        InputError: it is.
    """
    if folder.result.exists() and checkpoint.position.epoch < config.epochs:
        raise InputError(
            f"{folder.checkpoint}: is of epoch {checkpoint.position.epoch}, but the run is finished, with "
            f"{config.epochs}; going on would replace its model",
            cure=_other_ways(folder),
        )


def _other_ways(folder: RunFolder) -> Words:
    config = str(folder.config)
    anew = ForPython(
        f"batchnorm.training.fit(batchnorm.runs.read_config({config!r}), out=...)",
        otherwise=("batchnorm train ", Setting("config", shlex.quote(config)), " ", Setting("out", "FOLDER")),
    )
    return ("Put the checkpoint back, or train in another folder: ", anew, ".")
