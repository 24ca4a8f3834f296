"""From which checkpoint does a run go on, and with which net, so that no model is lost that took longer to train?"""

import shlex

from torch import nn

from ..errors import ForPython, InputError, Setting, Words
from ..models import file_may_name
from ..records import TrainResult
from ..runs import RunFolder, TrainConfig, foreign_net, name_of
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


def refuse_without_rate(config: TrainConfig) -> None:
    """Raise if a run's config has no learning rate: the one that a training finds stands there from its beginning.

    Raises:
        InputError: it has none.
    """
    if config.lr == "auto":
        raise InputError(
            "the run's config says 'auto', where a training writes the rate that it has found",
            argument="lr",
            cure="Put the suggestion of its lr_range_test.json there, or start a new run.",
        )


def is_of_shorter(result: TrainResult, config: TrainConfig) -> bool:
    """Whether a result is of a training that was shorter than it is to be now."""
    return result.epochs < config.epochs


def refuse_older(folder: RunFolder, checkpoint: Checkpoint, config: TrainConfig) -> None:
    """Raise if the run is finished, and the checkpoint from before its end.

    Raises:
        InputError: it is.
    """
    result = folder.read_result()
    if result and checkpoint.position.epoch < min(result.epochs, config.epochs):
        raise InputError(
            f"{folder.checkpoint}: is of epoch {checkpoint.position.epoch}, but the run is finished, with "
            f"{result.epochs}; going on would replace its model",
            cure=_other_ways(folder),
        )


def _other_ways(folder: RunFolder) -> Words:
    config = str(folder.config)
    anew = ForPython(
        f"batchnorm.training.fit(batchnorm.runs.read_config({config!r}), out=...)",
        otherwise=("batchnorm train ", Setting("config", shlex.quote(config)), " ", Setting("out", "FOLDER")),
    )
    return ("Put the checkpoint back, or train in another folder: ", anew, ".")


def name_in_run(config: TrainConfig, model: nn.Module | str | None) -> str:
    """Return the name of the net of a run that goes on.

    A net of the caller's own keeps the one that the run has: the function that makes it may have another name today.

    Raises:
        InputError: it is the caller's own, and he does not pass it.
    """
    named = name_of(model)
    if file_may_name(config.model):
        return named or config.model
    if named is None:
        raise foreign_net(config.model)
    return config.model
