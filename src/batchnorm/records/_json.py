"""How is a record written as a line of JSON, and read back?"""

import json
import sys
from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar, get_args

from ..errors import InputError
from ..files import in_short, one_line, read_json
from ._model_evaluation import ModelEvaluation
from ._recalibration import Recalibration
from ._run_fold import RunFold
from ._run_recalibration import RunRecalibration
from ._training import EpochRecord, Evaluation, Prediction, TrainResult
from ._wiring import WiringRecord

Record = (
    EpochRecord
    | TrainResult
    | Evaluation
    | ModelEvaluation
    | Prediction
    | Recalibration
    | RunRecalibration
    | RunFold
    | WiringRecord
)
RECORDS = {
    record.__name__: record
    for record in (
        EpochRecord,
        TrainResult,
        Evaluation,
        ModelEvaluation,
        Prediction,
        Recalibration,
        RunRecalibration,
        RunFold,
        WiringRecord,
    )
}
Flat = TypeVar("Flat", EpochRecord, TrainResult)


def to_dict(record: Record) -> dict[str, Any]:
    """Return `record` as a dictionary of plain values that begins with its name and version.

    Example:
        >>> to_dict(Prediction("shoe.png", ("Sneaker",), (0.97,)))["record"]
        'Prediction'
    """
    return {"record": type(record).__name__, "version": record.VERSION, **asdict(record)}


def to_json(record: Record) -> str:
    """Return `record` as one line of JSON; a value that is not finite is an error, for JSON has no word for it.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(to_dict(record), allow_nan=False, ensure_ascii=False)


def from_json(text: str, kind: type[Flat]) -> Flat:
    """Read one `kind` back from the line that `to_json` wrote; a field with a default may be younger than the line.

    Raises:
        InputError: `text` is no JSON, holds another record or version, or has other fields.

    Example:
        >>> line = to_json(EpochRecord(1, 79, 0.5, 0.8, None, None, 0.1, 3.0, 1e3))
        >>> from_json(line, EpochRecord).train_accuracy
        0.8
    """
    try:
        data = read_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected a line of JSON that holds a {kind.__name__}: {in_short(error)}") from None
    if not isinstance(data, dict) or RECORDS.get(str(data.pop("record", None))) is not kind:
        raise InputError(f"expected a {kind.__name__}, got {text[:80]!r}")
    version = data.pop("version", None)
    if type(version) is not int or version != kind.VERSION:
        raise InputError(
            f"this {kind.__name__} has version {one_line(str(version), 40)}, this batchnorm reads version "
            f"{kind.VERSION}; read it with the batchnorm that wrote it"
        )
    return make_record(kind, data)


def make_record(kind: type[Flat], data: dict[str, Any]) -> Flat:
    """Make a record of the plain values of a file, each of which is checked first.

    Raises:
        InputError: there are other fields, other types, or numbers that such a record never has.

    Example:
        >>> make_record(EpochRecord, {"epoch": float("inf")})
        Traceback (most recent call last):
        batchnorm.errors.InputError: a EpochRecord has the fields ...
    """
    expected = {entry.name: entry for entry in fields(kind)}
    needed = {name for name, entry in expected.items() if entry.default is MISSING}
    if not needed <= set(data) <= set(expected):
        got = sorted(str(name)[:40] for name in data)[:20]
        raise InputError(f"a {kind.__name__} has the fields {sorted(expected)}, got {got}")
    wrong = [name for name, value in data.items() if type(value).__name__ not in _json_types(expected[name].type)]
    if wrong:
        raise InputError(f"a {kind.__name__} has other types in {', '.join(wrong)}")
    odd = [name for name, value in data.items() if isinstance(value, int | float) and not _can_be(name, value)]
    if odd:
        raise InputError(f"a {kind.__name__} has a number that cannot be in {', '.join(odd)}: {str(data[odd[0]])[:40]}")
    return kind(**data)


def _can_be(name: str, value: float) -> bool:
    """Whether a field of that name may have a number: what is counted or measured is not negative."""
    return 0 <= value <= (1 if name.endswith("accuracy") else 2**63 if isinstance(value, int) else sys.float_info.max)


def _json_types(annotation: Any) -> set[str]:
    """Return the names of the types that JSON may give for a field; a whole number may stand for a float."""
    names = {getattr(part, "__name__", "NoneType") for part in get_args(annotation) or (annotation,)}
    return names | ({"int"} if "float" in names else set())
