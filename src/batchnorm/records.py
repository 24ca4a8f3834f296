"""Plain data that is written to files and read back: what a training, an evaluation, a prediction came to.

Nothing here knows torch. A record is written as one JSON object that begins with its own name and version,
so that a reader knows what it holds; reading looks the name up in `RECORDS`, so a file cannot name code.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, TypeVar, get_args

from .errors import InputError


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One line of `metrics.jsonl`: what one epoch of training came to.

    Losses are means over images of the cross entropy (the training loss with label smoothing, while the weights
    were moving); accuracies lie in 0…1; `lr` is the learning rate of the epoch's last step. The validation
    numbers are `None` where no images were held out.
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


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a finished training came to; `batchnorm train --json` prints it as its last line.

    `test_accuracy` (0…1) and `test_loss` are of the test images, which are looked at once, at the end; `seconds`
    is the wall-clock time of the training itself, over all resumptions; `run` is the folder, `None` without one.
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


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall and F1 (0…1) of one class, and how many images of it were seen (`support`)."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Loss, accuracy, per-class scores and the confusion matrix (rows: true class, columns: predicted)."""

    loss: float
    accuracy: float
    images: int
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The same images judged twice: with the running statistics and with each batch's own.

    `running` is what a user of the model gets. `batch` normalizes every batch of `batch_size` images by itself, as
    training did (`None` where the model has no batch norm); the gap between the two is batch norm's first symptom.
    """

    VERSION: ClassVar[int] = 1

    run: str
    data: str
    split: str
    batch_size: int
    running: Scores
    batch: Scores | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable classes of one image, most probable first, and what was done to the image before."""

    VERSION: ClassVar[int] = 1

    image: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    notes: tuple[str, ...] = field(default=())
    label: str | None = None


RECORDS = {record.__name__: record for record in (EpochRecord, TrainResult, Evaluation, Prediction)}
Flat = TypeVar("Flat", EpochRecord, TrainResult)


def to_dict(record: EpochRecord | TrainResult | Evaluation | Prediction) -> dict[str, Any]:
    """Return `record` as a dictionary of plain values that begins with its name and version.

    Example:
        >>> to_dict(Prediction("shoe.png", ("Sneaker",), (0.97,)))["record"]
        'Prediction'
    """
    return {"record": type(record).__name__, "version": record.VERSION, **asdict(record)}


def to_json(record: EpochRecord | TrainResult | Evaluation | Prediction) -> str:
    """Return `record` as one line of JSON; a value that is not finite is an error, for JSON has no word for it.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(to_dict(record), allow_nan=False, ensure_ascii=False)


def from_json(text: str, kind: type[Flat]) -> Flat:
    """Read one `kind` back from the line that `to_json` wrote.

    Raises:
        InputError: `text` is no JSON, holds another record or version, or has other fields.

    Example:
        >>> line = to_json(EpochRecord(1, 79, 0.5, 0.8, None, None, 0.1, 3.0, 1e3))
        >>> from_json(line, EpochRecord).train_accuracy
        0.8
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"expected a line of JSON that holds a {kind.__name__}: {error}") from None
    if not isinstance(data, dict) or RECORDS.get(str(data.pop("record", None))) is not kind:
        raise InputError(f"expected a {kind.__name__}, got {text[:80]!r}")
    version = data.pop("version", None)
    if version != kind.VERSION:
        raise InputError(
            f"this {kind.__name__} has version {version}, this batchnorm reads version {kind.VERSION}; "
            "read it with the batchnorm that wrote it"
        )
    expected = {entry.name for entry in fields(kind)}
    if set(data) != expected:
        raise InputError(f"a {kind.__name__} has the fields {sorted(expected)}, got {sorted(data)}")
    wrong = [entry.name for entry in fields(kind) if type(data[entry.name]).__name__ not in _json_types(entry.type)]
    if wrong:
        raise InputError(f"a {kind.__name__} has other types in {', '.join(wrong)}: {text[:80]!r}")
    return kind(**data)


def _json_types(annotation: Any) -> set[str]:
    """Return the names of the types that JSON may give for a field; a whole number may stand for a float."""
    names = {getattr(part, "__name__", "NoneType") for part in get_args(annotation) or (annotation,)}
    return names | ({"int"} if "float" in names else set())
