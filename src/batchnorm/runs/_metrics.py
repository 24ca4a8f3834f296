"""What has each epoch of a run come to, as lines of JSON, and as a table that pandas and spreadsheets read?"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields

from ..records import EpochRecord, to_json


def lines_of(history: Sequence[EpochRecord]) -> str:
    """Return one JSON object for each epoch, which `records.from_json` reads back."""
    return "".join(to_json(record) + "\n" for record in history)


def csv_of(history: Sequence[EpochRecord]) -> str:
    """Return a row for each epoch under the names of `EpochRecord`, each number with all of its digits.

    What is not known (no validation images) is an empty cell.

    Example:
        >>> print(csv_of([EpochRecord(1, 79, 0.5, 0.8, None, None, 0.1, 3.0, 1e3, 0.4)]))
        epoch,steps,train_loss,train_accuracy,val_loss,val_accuracy,lr,seconds,images_per_second,train_plain_loss
        1,79,0.5,0.8,,,0.1,3.0,1000.0,0.4
        <BLANKLINE>
    """
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [entry.name for entry in fields(EpochRecord)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(record) for record in history)
    return text.getvalue()
