"""What comes of one run?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What `measure` returns of a run.

    Args:
        values: numbers by their names; one that is not finite is kept as missing.
        series: for figures: lists of numbers, or lists of such, by their names.
        diverged: why, where the training diverged. That is a result, too: its values are given as far as they mean
            something, such as the accuracy of a net that only guesses.

    Example:
        >>> Measured({"accuracy": 10.0}, diverged="the loss of step 31 is not finite").values
        {'accuracy': 10.0}
    """

    values: Mapping[str, float]
    series: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    diverged: str | None = None
