"""How is what a benchmark found said: names of norms and layouts, a timing with its spread?"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..tables import NONE, milliseconds

if TYPE_CHECKING:
    from ._benchmark import LayerRow, Timing

LAYOUTS = {"nchw": "NCHW", "channels_last": "channels_last"}
STEP_KINDS = {
    "ours": "this library",
    "torch": "plain PyTorch",
    "compile": "torch.compile of it",
    "none": "without the norms",
}
_ACTIVATIONS = {"relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "hardswish": "Hardswish", "gelu": "GELU"}


def family_name(row: "LayerRow") -> str:
    """Return what a row computes, in the field's short words.

    Example:
        >>> from batchnorm.records import LayerRow
        >>> names = ("nchw", "float32", "relu", "fused", "tuned")
        >>> family_name(LayerRow("bn+act+pool", (2, 3, 4, 4), *names, 384, {}, {}, {}, {}, {}))
        'BN+ReLU+pool'
    """
    activation = "" if row.activation == "identity" else f"+{_ACTIVATIONS.get(row.activation, row.activation)}"
    return "BN" + row.family.removeprefix("bn").replace("+act", activation)


def geometric_mean(values: Iterable[float]) -> float:
    """Return the mean that suits ratios.

    Example:
        >>> round(geometric_mean([2.0, 8.0]), 12)
        4.0
    """
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))


def with_spread(timing: "Timing | None") -> str:
    """Return the median and, in brackets, the quartiles.

    Example:
        >>> from batchnorm.records import Timing
        >>> with_spread(Timing(median=12.34, lower=12.0, upper=13.04, rounds=7))
        '12.3 (12.0 … 13.0)'
    """
    if timing is None:
        return NONE
    return f"{milliseconds(timing.median)} ({milliseconds(timing.lower)} … {milliseconds(timing.upper)})"


def in_short(timing: "Timing | None") -> str:
    """Return the median and half the distance of the quartiles.

    Example:
        >>> from batchnorm.records import Timing
        >>> in_short(Timing(median=12.34, lower=12.0, upper=13.04, rounds=7))
        '12.3 ±0.5'
    """
    if timing is None:
        return NONE
    # As many places as the median has: its digits after the point.
    median = milliseconds(timing.median)
    places = len(median.partition(".")[2])
    return f"{median} ±{(timing.upper - timing.lower) / 2:.{places}f}"
