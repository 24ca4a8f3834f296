"""When does a training reach a goal that another one sets? In steps and in seconds."""

import math
from collections.abc import Mapping, Sequence

LEVELS = tuple(range(15, 100, 5))
"""The accuracies, in percent, of which it is noted when they were reached."""


def steps_to_levels(steps: Sequence[int], accuracies: Sequence[float]) -> dict[str, float]:
    """Return the first step at which each of `LEVELS` was reached; levels that never were are left out.

    Example:
        >>> steps_to_levels([10, 20, 30], [12.0, 21.0, 19.0])
        {'steps to 15 %': 20, 'steps to 20 %': 20}
    """
    found: dict[str, float] = {}
    for level in LEVELS:
        for step, accuracy in zip(steps, accuracies, strict=True):
            if accuracy >= level:
                found[_name(level)] = step
                break
    return found


def goal_of(values: Mapping[str, float]) -> int | None:
    """Return the highest level that was reached.

    Example:
        >>> goal_of({"steps to 15 %": 20, "steps to 20 %": 20})
        20
    """
    return next((level for level in reversed(LEVELS) if _name(level) in values), None)


def to_the_goal(values: Mapping[str, float], goal: int | None) -> dict[str, float]:
    """Return the steps and seconds of a training up to a level; where it does not reach it, those that it had.

    The latter are lower bounds, which the values named "censored" say.

    Args:
        values: "steps", "seconds per step", and what `steps_to_levels` gives.
        goal: the level; None, which nobody can reach, gives NaN.

    Example:
        >>> to_the_goal({"steps": 90, "seconds per step": 0.5, "steps to 20 %": 30}, goal=20)
        {'steps': 30, 'seconds': 15.0, 'goal': 20, 'steps censored': 0.0, 'seconds censored': 0.0}
    """
    if goal is None:
        return dict.fromkeys(("steps", "seconds", "goal"), math.nan)
    arrived = _name(goal) in values
    steps = values[_name(goal) if arrived else "steps"]
    reached = {"steps": steps, "seconds": steps * values["seconds per step"], "goal": goal}
    return reached | dict.fromkeys(("steps censored", "seconds censored"), float(not arrived))


def _name(level: int) -> str:
    return f"steps to {level} %"
