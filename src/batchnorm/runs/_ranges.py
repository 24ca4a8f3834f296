"""Which numbers may an option of a training be given?"""

import sys
from collections.abc import Callable


def _whole(lowest: int, highest: int = 2**31 - 1) -> tuple[str, Callable[[float], bool]]:
    words = f"an integer of at least {lowest}" + ("" if highest > 2**30 else f" and at most {highest}")
    return words, lambda value: isinstance(value, int) and lowest <= value <= highest


def _within(low: float, high: float) -> tuple[str, Callable[[float], bool]]:
    return (
        f"a number from {low:g} up to, not including, {high:g}",
        lambda value: low <= value < high,
    )


LARGEST = sys.float_info.max
POSITIVE: tuple[str, Callable[[float], bool]] = (
    "a finite number above 0",
    lambda value: 0 < value <= LARGEST,
)
NOT_NEGATIVE: tuple[str, Callable[[float], bool]] = (
    "a finite number of at least 0",
    lambda value: 0 <= value <= LARGEST,
)


def _is_rate(value: float | str) -> bool:
    return value == "auto" if isinstance(value, str) else POSITIVE[1](value)


# Field -> what is expected, in words and as a test. NaN fails every comparison, so it fails every row.
RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "epochs": _whole(1),
    "batch_size": _whole(1),
    "accumulate": _whole(1),
    "channels": ("1 (grey) or 3 (colour)", lambda value: value in (1, 3)),
    "test_fraction": (
        "a number above 0 and below 1",
        lambda value: 0 < value < 1,
    ),
    "cache_size": NOT_NEGATIVE,
    "workers": _whole(0, 1024),
    "lr": ("a finite number above 0, or 'auto'", _is_rate),
    "momentum": _within(0, 1),
    "weight_decay": NOT_NEGATIVE,
    "warmup": _within(0, 1),
    "label_smoothing": _within(0, 1),
    "clip_norm": NOT_NEGATIVE,
    "ema_decay": _within(0, 1),
    "shift": _whole(0),
    "crop": ("a number above 0 and at most 1", lambda value: 0 < value <= 1),
    "jitter": ("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "val_fraction": _within(0, 1),
    "seed": (
        "an integer from 0 to 2**63 - 1",
        lambda value: isinstance(value, int) and 0 <= value < 2**63,
    ),
    "threads": _whole(0, 1024),
    "refresh": _whole(1),
}
