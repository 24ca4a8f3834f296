"""What did each run of a study measure, or why did it measure nothing?"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..tables import Table
from ._numbers import Signed
from ._plain import Plain, plain_values
from ._shown import Shown
from ._study_run_cells import runs_table, values_table

Status = Literal["done", "diverged", "crashed"]
"""How a run ended: diverged ones have values, too, as far as they mean something; crashed ones have none."""


@dataclass(frozen=True, slots=True, repr=False)
class StudyRun(Shown):
    """One run of a claim's arm; a file of its own while a study goes on.

    Lists that are handed over become tuples, and numbers that are not finite None, so that a record is equal to what is
    read back.

    Attributes:
        key: of all that determines its numbers, in hexadecimal digits.
        arm: whose run it is. Where arms are equal, one run is done for all of them, and each has a record of its own
            with that key.
        options: all that makes the arm differ, with its own rate in the place of `"own"`.
        seed: of the order of the data, the weights, and whatever else is drawn.
        searching: whether it was done to find the arm's own rate, on validation images; no verdict sees it.
        status: how it ended.
        reason: why it diverged or crashed, in one sentence.
        values: the measured numbers by their names; None: not finite.
        series: what figures draw: lists (of lists) of numbers.
        seconds: how long it took.
        traceback: of a crash.
    """

    VERSION: ClassVar[int] = 1

    key: str
    arm: str
    options: dict[str, Plain]
    seed: int
    searching: bool
    status: Status
    reason: str | None
    values: dict[str, Signed | None]
    series: dict[str, Plain]
    seconds: float
    traceback: str | None = None

    def __post_init__(self) -> None:
        for field in ("options", "series"):
            object.__setattr__(self, field, plain_values(getattr(self, field), field))
        object.__setattr__(self, "values", {name: _finite(value) for name, value in self.values.items()})

    def tables(self) -> dict[str, Table]:
        """Return `"runs"`, with one row."""
        return {"runs": runs_table((self,))}


@dataclass(frozen=True, slots=True, repr=False)
class StudyRuns(Shown):
    """All runs of one claim, the searching ones included; `runs/CLAIM.json` in the folder of a study."""

    VERSION: ClassVar[int] = 1

    claim: str
    runs: tuple[StudyRun, ...]

    def tables(self) -> dict[str, Table]:
        """Return `"values"`, means over seeds by arm, where there are other than searching runs, and `"runs"`."""
        values = {} if all(run.searching for run in self.runs) else {"values": values_table(self.runs, self.claim)}
        return {**values, "runs": runs_table(self.runs)}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
