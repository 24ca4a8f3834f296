"""Which learning rate do the losses of a range test suggest?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..records import Ending, RangeTestStep
from ._lr_range_options import LRRangeOptions

SMOOTHING = 0.95
"""The weight of what came before in the smoothed loss."""
FALLEN = 0.95
"""The part of the whole fall after which the loss has nearly fallen: the lowest place itself moves with the noise."""
BELOW = 2.0
"""How far the suggestion lies below the rate at which the loss has nearly fallen."""
ERRORS = 3.0
"""Standard errors that a fall has to be more than."""


@dataclass(frozen=True)
class Suggestion:
    """A learning rate and the two of the curve that it follows from; or why there is none."""

    lr: float | None = None
    lowest: float | None = None
    fallen: float | None = None
    problem: str | None = None


@dataclass(frozen=True)
class FirstLosses:
    """The losses of the first tenth of the steps, before the rates are high enough to matter."""

    count: int
    mean: float
    spread: float


def first_losses(steps: Sequence[RangeTestStep], options: LRRangeOptions) -> FirstLosses:
    """Return mean and standard deviation of the losses of the first tenth, as far as there are any."""
    count = max(3, options.steps // 10)
    losses = [step.loss for step in steps[:count] if step.loss is not None]
    mean = float(np.mean(losses)) if losses else math.nan
    return FirstLosses(count, mean, float(np.std(losses, ddof=1)) if len(losses) > 1 else 0.0)


def suggested(steps: Sequence[RangeTestStep], ended: Ending, options: LRRangeOptions) -> Suggestion:
    """Return half of the first rate at which the smoothed loss has fallen by 95 % of all that it falls.

        fall       = mean(loss of the first tenth of the steps) - min(smoothed)
        fallen     = first lr with smoothed <= mean(...) - 0.95 * fall
        suggestion = fallen / 2

    Nothing is suggested where the loss falls no more than chance lets it, or still falls at the highest rate. A factor
    and a constant on all losses change nothing.

    Args:
        steps: of the test.
        ended: why there are no more.
        options: of the test.

    Example:
        >>> options = LRRangeOptions(1e-4, 1.0, steps=41)
        >>> losses = [2.0] * 10 + [1.0] * 20 + [5.0] * 11
        >>> steps = [RangeTestStep(lr, loss, loss) for lr, loss in zip(options.rates, losses, strict=True)]
        >>> found = suggested(steps, "last rate", options)
        >>> f"{found.fallen:.3g} {found.lr:.3g}"
        '0.001 0.0005'
    """
    first = first_losses(steps, options)
    # The first smoothed losses are of few steps, and scatter.
    curve = [(step.smoothed, step.lr) for step in steps[first.count :] if step.smoothed is not None]
    if not curve:
        return Suggestion(problem=f"the loss rose from the start, at rates of {options.lr_min:g} already; begin lower")
    lowest, at = min(curve)
    fall = first.mean - lowest
    if fall <= _by_chance(first):
        return Suggestion(
            problem=f"from {options.lr_min:g} up to {curve[-1][1]:g} the loss fell no further than by chance; "
            "take more steps, or larger batches"
        )
    if ended == "last rate" and at in [rate for _, rate in curve[-max(3, options.steps // 30) :]]:
        return Suggestion(problem=f"the loss still fell at the highest rate, {options.lr_max:g}; go higher")
    fallen = next(rate for smoothed, rate in curve if smoothed <= first.mean - FALLEN * fall)
    return Suggestion(lr=float(f"{fallen / BELOW:.2g}"), lowest=at, fallen=fallen)


def _by_chance(first: FirstLosses) -> float:
    """How far the smoothed loss may come below the mean of the first ones although the net learns nothing.

    The variance of the smoothed loss is (1 - b) / (1 + b) * (1 + b ** n) / (1 - b ** n) of a loss's behind n steps.
    """
    kept = SMOOTHING**first.count
    of_smoothed = (1 - SMOOTHING) / (1 + SMOOTHING) * (1 + kept) / (1 - kept)
    return ERRORS * first.spread * math.sqrt(1 / first.count + of_smoothed)
