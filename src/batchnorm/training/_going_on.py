"""From which checkpoint does a run go on, so that no model is lost that took longer to train?"""

import shlex

from ..errors import InputError
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
            f"the model of this run; {_other_ways(folder)}"
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
            f"{config.epochs}; going on would replace its model. {_other_ways(folder).capitalize()}"
        )


def _other_ways(folder: RunFolder) -> str:
    anew = f"batchnorm train --config {shlex.quote(str(folder.config))} --out FOLDER"
    return f"put the checkpoint back, or train in another folder: {anew}"
