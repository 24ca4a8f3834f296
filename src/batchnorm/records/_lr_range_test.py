"""What did the loss do while the learning rate rose, and which rate does that suggest?"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from ..tables import Table
from ._lr_range_test_cells import rates_table, summary_line
from ._numbers import Signed
from ._pictures import draw_lr_range_test
from ._shown import Shown

Ending = Literal["last rate", "risen", "not finite"]
"""Why no further rate was tried: there was none, the smoothed loss had risen too far, or the loss was not finite."""


@dataclass(frozen=True, slots=True)
class RangeTestStep:
    """One step of training at the rate `lr`: the loss ahead of its update, and smoothed; None: not finite."""

    lr: float
    loss: Signed | None
    smoothed: Signed | None


@dataclass(frozen=True, slots=True, repr=False)
class LRRangeTest(Shown):
    """A learning-rate range test; `batchnorm lr-find --json` prints it, and a run with `lr="auto"` keeps it.

    Attributes:
        model: the net's name.
        data: the data set's; None for a loader that was handed over.
        optimizer: the update rule.
        batch_size: samples of a step, the first one's.
        smoothing: the weight of what came before in the smoothed loss.
        steps: what was tried, the rates rising.
        ended: why no more were.
        suggestion: the learning rate to train with; None where the losses suggest none, and `problem` says why.
        lowest: the rate at which the smoothed loss was lowest; None without a suggestion.
        fallen: the first rate at which it had fallen by 95 % of all that it fell; None without a suggestion.
        problem: why there is no suggestion.
        notes: what else is to be known.
    """

    VERSION: ClassVar[int] = 1

    model: str
    data: str | None
    optimizer: str
    batch_size: int
    smoothing: float
    steps: tuple[RangeTestStep, ...]
    ended: Ending
    suggestion: float | None
    lowest: float | None = None
    fallen: float | None = None
    problem: str | None = None
    notes: tuple[str, ...] = field(default=())

    def tables(self) -> dict[str, Table]:
        """Return `"rates"`: the suggestion, and the rates of the curve that it follows from."""
        return {"rates": rates_table(self)}

    def summary(self) -> str:
        """Return one line: the suggestion, or why there is none."""
        return summary_line(self)

    def plot(self, path: Path | str) -> None:
        """Draw the losses over the rates, and the suggestion, as `.svg` or `.png`; needs matplotlib."""
        draw_lr_range_test(self, path)
