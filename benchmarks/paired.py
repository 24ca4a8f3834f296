"""How do arms that ran in turn compare? Round by round, so that a machine that is slower for a while is so for all."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles

import numpy as np
from scipy.stats import bootstrap

from batchnorm.bench import Arm, time_in_turn

SEED = 0


def times(
    arms: Mapping[str, Arm], rounds: int, warmup: int, sweep: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """Return the milliseconds of each arm, round by round; who begins changes."""
    milliseconds: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for number in range(warmup + rounds):
        first = number % len(names)
        turn = {name: arms[name] for name in names[first:] + names[:first]}
        for name, timing in time_in_turn(turn, rounds=1, warmup=0, sweep=sweep).items():
            milliseconds[name] += [timing.median] if number >= warmup else []
    return milliseconds


def ratio(ours: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    """Return the median of the rounds' ratios with the bootstrap's interval of 95 %; under 1 ours is faster."""
    ratios = np.array(ours) / np.array(other)
    found = bootstrap((ratios,), np.median, confidence_level=0.95, method="percentile", rng=np.random.default_rng(SEED))
    low, high = found.confidence_interval
    return {"median": float(np.median(ratios)), "low": float(low), "high": float(high)}


def ratio_text(ours: Sequence[float], other: Sequence[float], digits: int = 3) -> str:
    """Return the ratio and its interval."""
    found = ratio(ours, other)
    return f"{found['median']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median and the quartiles."""
    lower, _, upper = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return f"{median(values):.{digits}f} ({lower:.{digits}f} to {upper:.{digits}f})"
