"""What do the losses come to while the learning rate rises, step by step, and when is it high enough?"""

import math
from collections.abc import Callable

from ..records import Ending, RangeTestStep
from ._lr_range_options import LRRangeOptions
from ._suggested_lr import SMOOTHING, first_losses

RISEN = 4.0
"""A rise of the smoothed loss by so many times its fall ends the test: nothing is learnt of what lies above."""


def swept(options: LRRangeOptions, learn: Callable[[float], float | None]) -> tuple[tuple[RangeTestStep, ...], Ending]:
    """Take a step at each rate, from below, until the loss has risen far; return the steps, and why there are no more.

        smoothed_n = (1 - b) * sum(b ** (n - i) * loss_i, i = 1...n) / (1 - b ** n)

    Args:
        options: the rates.
        learn: takes a step at a rate, and returns the loss ahead of its update; None, or no finite number, ends it.

    Example:
        >>> steps, ended = swept(LRRangeOptions(1e-3, 1.0, steps=20), lambda rate: None if rate > 0.1 else 2.0)
        >>> len(steps), steps[-1].loss, ended
        (14, None, 'not finite')
    """
    steps: list[RangeTestStep] = []
    total, lowest = 0.0, math.inf
    for number, rate in enumerate(options.rates, start=1):
        loss = learn(rate)
        if loss is None or not math.isfinite(loss):
            return (*steps, RangeTestStep(rate, None, None)), "not finite"
        total = SMOOTHING * total + (1 - SMOOTHING) * loss
        smoothed = total / (1 - SMOOTHING**number)
        lowest = min(lowest, smoothed)
        steps.append(RangeTestStep(rate, loss, smoothed))
        if _has_risen(steps, lowest, options):
            return tuple(steps), "risen"
    return tuple(steps), "last rate"


def _has_risen(steps: list[RangeTestStep], lowest: float, options: LRRangeOptions) -> bool:
    """Whether the loss lies far above its lowest value, measured by what it fell, or, if it did not, by its noise."""
    first = first_losses(steps, options)
    if len(steps) <= first.count or steps[-1].smoothed is None:
        return False
    return steps[-1].smoothed - lowest > RISEN * max(first.mean - lowest, first.spread, 1e-6 * abs(first.mean))
