"""How do the curves of a training come into TensorBoard, while it goes on?"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import InputError, Setting
from ..files import in_short
from ..progress import Watcher, together
from ..records import EpochRecord, TrainResult
from ..runs import RunFolder, TrainConfig

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_CURVES = {
    "loss/training": "train_loss",
    "loss/training, without label smoothing": "train_plain_loss",
    "loss/validation": "val_loss",
    "accuracy/training": "train_accuracy",
    "accuracy/validation": "val_accuracy",
    "learning rate": "lr",
    "images per second": "images_per_second",
}
"""What TensorBoard calls the numbers of an epoch."""


def check_log(config: TrainConfig, folder: RunFolder | None) -> None:
    """Raise, before anything is read or trained, if what a training is to log cannot be written.

    Raises:
        InputError: there is no folder, or TensorBoard cannot be imported.
    """
    if config.log == "off":
        return
    if folder is None:
        raise InputError(
            f"{config.log!r} is written into the folder of the run, and none was given",
            argument="log",
            cure=("Pass ", Setting("out", "FOLDER"), ", or leave it out."),
        )
    try:
        import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise InputError(
            f"{config.log!r} needs the package tensorboard, which cannot be imported ({in_short(error)})",
            argument="log",
            cure="Install it: pip install 'batchnorm[tensorboard]'.",
        ) from error


@contextlib.contextmanager
def logged(config: TrainConfig, folder: RunFolder | None, watcher: Watcher) -> Iterator[Watcher]:
    """Give a watcher that passes on to this one, and writes what each epoch came to, if the config says so."""
    if config.log == "off" or folder is None:
        yield watcher
        return
    log = TensorBoardLog(folder, watcher)
    try:
        yield together(Watcher, watcher, log)
    finally:
        log.close()


class TensorBoardLog(Watcher):
    """Writes the epochs of a run into its folder, where TensorBoard finds them; the step of an epoch is its last one.

    A run that goes on writes all of its epochs anew, and lets TensorBoard forget what older files say: so none is
    missing and none is there twice, whatever happened to the process before. What cannot be written does not stop a
    training: it is told once, and no more is tried.
    """

    def __init__(self, folder: RunFolder, told: Watcher) -> None:
        self.folder, self.told = folder, told
        self._writer: SummaryWriter | None = None
        self._failed = False

    def epoch(self, record: EpochRecord) -> None:
        """Write the epoch; `metrics.jsonl` holds it already."""
        self._write(None)

    def tested(self, result: TrainResult) -> None:
        """Write what the test images said."""
        self._write(result)

    def close(self) -> None:
        """Bring all to the disk."""
        if self._writer is not None:
            with contextlib.suppress(OSError):  # what was not written has been told
                self._writer.close()

    def _write(self, result: TrainResult | None) -> None:
        if self._failed:
            return
        try:
            epochs = self.folder.read_metrics()
            if self._writer is None:
                self._writer = _opened(self.folder)
                _add(self._writer, epochs, since=0)
            elif result is None:
                _add(self._writer, epochs, since=len(epochs) - 1)
            if result is not None:
                self._writer.add_scalar("loss/test", result.test_loss, result.steps)
                self._writer.add_scalar("accuracy/test", result.test_accuracy, result.steps)
            self._writer.flush()
        except OSError as error:
            self._failed = True
            self.told.note(f"TensorBoard's events cannot be written, and end here: {in_short(error)}")


def _opened(folder: RunFolder) -> "SummaryWriter":
    from torch.utils.tensorboard import SummaryWriter

    # Steps begin with 1: TensorBoard forgets all that older files of this folder say of them.
    return SummaryWriter(str(folder.path), purge_step=1)


def _add(writer: "SummaryWriter", epochs: Sequence[EpochRecord], *, since: int) -> None:
    """Add the epochs from one on, each at the time at which it would have ended, had there been no break."""
    now = time.time()
    for place in range(since, len(epochs)):
        step = sum(epoch.steps for epoch in epochs[: place + 1])
        ended = now - sum(epoch.seconds for epoch in epochs[place + 1 :])
        for name, field in _CURVES.items():
            value = getattr(epochs[place], field)
            if value is not None:
                writer.add_scalar(name, value, step, walltime=ended)
