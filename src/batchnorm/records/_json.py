"""How is a record written as JSON, and read back?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, overload

from ..errors import InputError, InputTypeError, its_type, with_article
from ..files import in_short, one_line, read_json, read_text
from ._benchmark import Benchmark
from ._conversion import ConvertReport
from ._fold import FoldReport
from ._freezing import Freezing
from ._history import RunHistory
from ._initialization import Initialization
from ._lr_range_test import LRRangeTest
from ._made import Made, made
from ._model_evaluation import ModelEvaluation
from ._recalibration import Recalibration
from ._run_conversion import RunConversion
from ._run_fold import RunFold
from ._run_recalibration import RunRecalibration
from ._run_report import RunReport
from ._study import Study
from ._study_claim import StudyClaim
from ._study_plan import StudyPlan
from ._study_run import StudyRun, StudyRuns
from ._training import EpochRecord, Evaluation, Prediction, TrainResult
from ._wiring import WiringRecord

Record = (
    EpochRecord
    | TrainResult
    | RunHistory
    | RunReport
    | Evaluation
    | ModelEvaluation
    | Prediction
    | Freezing
    | Initialization
    | Recalibration
    | RunRecalibration
    | FoldReport
    | ConvertReport
    | RunConversion
    | RunFold
    | LRRangeTest
    | WiringRecord
    | Benchmark
    | StudyPlan
    | StudyRun
    | StudyRuns
    | StudyClaim
    | Study
)
RECORDS: dict[str, type[Record]] = {
    record.__name__: record
    for record in (
        EpochRecord,
        TrainResult,
        RunHistory,
        RunReport,
        Evaluation,
        ModelEvaluation,
        Prediction,
        Freezing,
        Initialization,
        Recalibration,
        RunRecalibration,
        FoldReport,
        ConvertReport,
        RunConversion,
        RunFold,
        LRRangeTest,
        WiringRecord,
        Benchmark,
        StudyPlan,
        StudyRun,
        StudyRuns,
        StudyClaim,
        Study,
    )
}
Kind = TypeVar("Kind", bound=Record)


def to_dict(record: Record) -> dict[str, Any]:
    """Return `record` as a dictionary of plain values that begins with its name and version.

    Raises:
        InputTypeError: it is no record.

    Example:
        >>> from batchnorm.records import Prediction
        >>> to_dict(Prediction("shoe.png", ("Sneaker",), (0.97,)))["record"]
        'Prediction'
    """
    if type(record) not in RECORDS.values():
        raise InputTypeError(
            argument="record",
            expected="a record of batchnorm.records, such as what evaluate or recalibrate return",
            got=its_type(record),
            cure="Pass its result: trained.result." if hasattr(record, "result") else "",
        )
    return {"record": type(record).__name__, "version": record.VERSION, **asdict(record)}


def to_json(record: Record, *, lines: bool = False) -> str:
    """Return `record` as JSON; a value that is not finite is an error, for JSON has no word for it.

    Args:
        record: the record.
        lines: give every field a line, and every row of a field that holds several a line of its own, so that two
            files can be compared line by line; without, all of it is one line.

    Raises:
        InputTypeError: it is no record.
        ValueError: a number is NaN or infinite.
    """
    data = to_dict(record)
    if not lines:
        return _line(data)
    return "{\n" + ",\n".join(f" {_line(name)}: {_lines(value)}" for name, value in data.items()) + "\n}\n"


def _lines(value: Any) -> str:
    if isinstance(value, tuple | list) and all(isinstance(row, dict) for row in value):
        return "[\n" + ",\n".join(f"  {_line(row)}" for row in value) + "\n ]"
    return _line(value)


def _line(value: Any) -> str:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of a file that is not UTF-8, which no file in UTF-8 can hold as it is
        text = json.dumps(value, allow_nan=False)
    return text


@overload
def from_json(text: str) -> Record: ...
@overload
def from_json(text: str, kind: type[Kind]) -> Kind: ...
def from_json(text: str, kind: type[Any] | None = None) -> Any:
    """Read a record back from what `to_json` wrote; a field with a default may be younger than the text.

    Args:
        text: the JSON.
        kind: which record is expected; without, any.

    Raises:
        InputTypeError: `text` is no text.
        InputError: `text` is no JSON, holds another record or version, or has other fields, types or numbers.

    Example:
        >>> from batchnorm.records import EpochRecord
        >>> line = to_json(EpochRecord(1, 79, 0.5, 0.8, None, None, 0.1, 3.0, 1e3))
        >>> from_json(line).train_accuracy
        0.8
    """
    if not isinstance(text, str):
        raise InputTypeError(argument="text", expected="the JSON of a record", got=its_type(text))
    expected = with_article("record" if kind is None else kind.__name__)
    try:
        data = read_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(expected=f"the JSON of {expected}: {in_short(error)}") from None
    found = RECORDS.get(str(data.pop("record", None))) if isinstance(data, dict) else None
    if not isinstance(data, dict) or found is None or kind not in (None, found):
        raise InputError(expected=expected, got=repr(text[:80]))
    version = data.pop("version", None)
    if type(version) is not int or version != found.VERSION:
        has = f"this {found.__name__} has version {one_line(str(version), 40)}"
        cure = "Read it with the batchnorm that wrote it."
        raise InputError(f"{has}, this batchnorm reads version {found.VERSION}", cure=cure)
    return make_record(found, data)


@overload
def read_record(path: Path | str) -> Record: ...
@overload
def read_record(path: Path | str, kind: type[Kind]) -> Kind: ...
def read_record(path: Path | str, kind: type[Any] | None = None) -> Any:
    """Read a record from a file that holds its JSON, such as `recalibration.json` in a run's folder.

    Args:
        path: the file.
        kind: which record is expected; without, any.

    Raises:
        InputError: the file cannot be read, or as `from_json`.

    Example:
        >>> import tempfile
        >>> from batchnorm.records import Prediction
        >>> path = Path(tempfile.mkdtemp()) / "prediction.json"
        >>> _ = path.write_text(to_json(Prediction("shoe.png", ("Sneaker",), (0.97,))))
        >>> read_record(path).classes
        ('Sneaker',)
    """
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        cure = "Give a file that holds a record."
        raise InputError(f"{path}: cannot be read ({in_short(error)})", cure=cure) from None
    try:
        return from_json(text) if kind is None else from_json(text, kind)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def make_record(kind: type[Made], data: dict[str, Any]) -> Made:
    """Make a record, or one of its parts, of the plain values of a file, each of which is checked first.

    Raises:
        InputError: there are other fields, other types, or numbers that such a record never has.

    Example:
        >>> from batchnorm.records import EpochRecord
        >>> make_record(EpochRecord, {"epoch": float("inf")})
        Traceback (most recent call last):
        batchnorm.errors.InputError: an EpochRecord has the fields ...
    """
    return made(kind, data)
