"""What did a training, an evaluation, a prediction come to?"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..tables import Table
from ._evaluation_cells import evaluation_tables, scores_tables
from ._pictures import draw_confusion
from ._shown import Shown
from ._training_cells import epochs_table, predictions_table, result_table


@dataclass(frozen=True, slots=True, repr=False)
class EpochRecord(Shown):
    """One line of `metrics.jsonl`: the results of one epoch of training.

    Losses are means over images of the cross entropy; the training ones while the weights were moving. `train_loss` is
    what was minimized, with label smoothing; `train_plain_loss` is the same without, which can be compared with
    `val_loss` (`None`: the epoch is older than that number). Accuracies lie in 0…1; `lr` is the learning rate of the
    epoch's last step. The validation numbers are `None` where no images were held out.
    """

    VERSION: ClassVar[int] = 1

    epoch: int
    steps: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    seconds: float
    images_per_second: float
    train_plain_loss: float | None = None

    def tables(self) -> dict[str, Table]:
        """Return `"epochs"`, with one row."""
        return {"epochs": epochs_table([self])}


@dataclass(frozen=True, slots=True, repr=False)
class TrainResult(Shown):
    """The results of a finished training; `batchnorm train --json` prints it as its last line.

    `test_accuracy` (0…1) and `test_loss` are of the test images, which are looked at once, at the end; `seconds`
    is the wall-clock time of the training itself, over all resumptions; `run` is the folder, `None` without one.
    `recalibrate` says whether and how the statistics were computed anew before the test. `folded` is the number of
    norms that run no more, or for less, in the folded net that was written, too, and `folded_accuracy` what that net
    reaches on the test images (`None`: nothing was to be folded).

    The test numbers are those of the model that lies in the folder now. If that was recalibrated since, by the method
    `recalibrated_since`, `trained_accuracy` and `trained_loss` are what it had reached before.

    `moments` is whose moments normalized in training. Where they were the population's, its statistics were measured
    every `refresh` steps, `refreshes` times in all, which took `refresh_seconds` of the `seconds`.

    The running statistics of the norms in `frozen` stood still once `frozen_since` of the `steps` were done; `None`: no
    norm was frozen.

    `processes` is how many of them trained together, at the end of the training.

    `init` is what the net was started with (`None`: random weights). `freeze` are the names of the parts that were not
    trained, `untrained` how many of the `parameters` they have, and `norm_mode` what became of their norms.

    `kept_epoch` is the epoch whose model was kept and tested, the best one by its validation images; `val_accuracy` and
    `val_loss` are that one's, too (`None`: the last epoch's).

    `lengthened` are the numbers of steps after which it went on for longer than had been planned until then: only from
    the last of them on is the learning rate that of so many `epochs`.
    """

    VERSION: ClassVar[int] = 1

    test_accuracy: float
    test_loss: float
    seconds: float
    run: str | None
    model: str
    data: str
    epochs: int
    steps: int
    seed: int
    parameters: int
    val_accuracy: float | None
    val_loss: float | None
    recalibrate: str = "off"
    folded: int | None = None
    folded_accuracy: float | None = None
    recalibrated_since: str | None = None
    trained_accuracy: float | None = None
    trained_loss: float | None = None
    moments: str = "batch"
    refresh: int | None = None
    refreshes: int = 0
    refresh_seconds: float = 0.0
    frozen: tuple[str, ...] = ()
    frozen_since: int | None = None
    processes: int = 1
    init: str | None = None
    freeze: str | None = None
    norm_mode: str | None = None
    untrained: int = 0
    kept_epoch: int | None = None
    lengthened: tuple[int, ...] = ()

    def tables(self) -> dict[str, Table]:
        """Return `"scores"`: loss and accuracy on the test images, and on those that were held out."""
        return {"scores": result_table(self)}


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall and F1 (0…1) of one class, and how many images of it were seen (`support`)."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, repr=False)
class Scores(Shown):
    """Loss, accuracy, per-class scores and the confusion matrix (rows: true class, columns: predicted)."""

    loss: float
    accuracy: float
    images: int
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]

    def tables(self) -> dict[str, Table]:
        """Return `"classes"`, and `"confusion"`: which classes are taken for which."""
        return scores_tables(self)

    def plot(self, path: Path | str) -> None:
        """Draw the confusion matrix, as `.png`; needs matplotlib."""
        draw_confusion(self, path)


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(Shown):
    """A model evaluated twice on the same images: with the running statistics and with each batch's own.

    `running` is what a user of the model gets. `batch` normalizes every batch of `batch_size` images by itself, as
    training did (`None` where the model has no batch norm, or is `folded`); the gap between the two is batch norm's
    first symptom.
    """

    VERSION: ClassVar[int] = 1

    run: str
    data: str
    split: str
    batch_size: int
    running: Scores
    batch: Scores | None
    folded: bool = False

    def tables(self) -> dict[str, Table]:
        """Return `"modes"` (by the running statistics, and by each batch's own), `"classes"` and `"confusion"`."""
        return evaluation_tables(self)

    def plot(self, path: Path | str) -> None:
        """Draw the confusion matrix by the running statistics, as `.png`; needs matplotlib."""
        self.running.plot(path)


@dataclass(frozen=True, slots=True, repr=False)
class Prediction(Shown):
    """The most probable classes of one image, most probable first, and what was done to the image before.

    Where there are none, `problem` says why: the file cannot be read, or the model's outputs are not finite.
    """

    VERSION: ClassVar[int] = 1

    image: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    notes: tuple[str, ...] = field(default=())
    label: str | None = None
    problem: str | None = None

    def tables(self) -> dict[str, Table]:
        """Return `"predictions"`, with one row."""
        return {"predictions": predictions_table([self])}
