"""How does a row of a benchmark read? The cells of its tables, for a page and for a terminal."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..timings import LayerRow, StepRow, Timing

ABSENT = "–"  # noqa: RUF001 - a dash, not a minus
LAYOUTS = {"nchw": "NCHW", "channels_last": "channels_last"}
STEP_KINDS = {
    "ours": "this library",
    "torch": "plain PyTorch",
    "compile": "torch.compile of it",
    "none": "without the norms",
}
_ACTIVATIONS = {"relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "hardswish": "Hardswish", "gelu": "GELU"}


class Cells(NamedTuple):
    """A table as texts; `numbers` says of every column whether it is set to the right."""

    headings: tuple[str, ...]
    numbers: tuple[bool, ...]
    lines: tuple[tuple[str, ...], ...]


def family_name(row: LayerRow) -> str:
    """Return what a row computes, in the field's short words.

    Example:
        >>> names = ("nchw", "float32", "relu", "fused", "tuned")
        >>> family_name(LayerRow("bn+act+pool", (2, 3, 4, 4), *names, 384, {}, {}, {}, {}, {}))
        'BN+ReLU+pool'
    """
    activation = "" if row.activation == "identity" else f"+{_ACTIVATIONS.get(row.activation, row.activation)}"
    return "BN" + row.family.removeprefix("bn").replace("+act", activation)


def shape_name(shape: tuple[int, ...]) -> str:
    """Return a shape as it is typed.

    Example:
        >>> shape_name((32, 64, 112, 112))
        '32x64x112x112'
    """
    return "x".join(map(str, shape))


def geometric_mean(values: Iterable[float]) -> float:
    """Return the mean that suits ratios.

    Example:
        >>> round(geometric_mean([2.0, 8.0]), 12)
        4.0
    """
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))


def layer_cells(rows: Iterable[LayerRow], direction: str) -> Cells:
    """Return the table of one direction: a line for every row, the milliseconds with their quartiles."""
    rows = tuple(rows)
    arms = _arms(rows)
    with_gradient = direction in ("backward", "both")
    headings = ("norm", "shape", "layout", *_headings(arms), *(["dx error, ours / native"] if with_gradient else []))
    lines = tuple(
        (
            *_labels(row),
            *_figures(row, direction, arms, with_spread),
            *(
                [_errors(row.errors["ours"].input_gradient, row.errors["native"].input_gradient)]
                if with_gradient
                else []
            ),
        )
        for row in rows
    )
    return Cells(headings, tuple(number > 2 for number in range(len(headings))), lines)


def case_cells(rows: Iterable[LayerRow]) -> Cells:
    """Return the table of few rows: a line for every direction of each, in short."""
    rows = tuple(rows)
    arms = _arms(rows)
    headings = ("layout", "allocator", "direction", *_headings(arms))
    lines = tuple(
        (LAYOUTS[row.memory_format], row.allocator, direction, *_figures(row, direction, arms, in_short))
        for row in rows
        for direction in row.timings
    )
    return Cells(headings, tuple(number > 2 for number in range(len(headings))), lines)


def _arms(rows: Iterable[LayerRow]) -> tuple[str, ...]:
    present = {arm for row in rows for arms in row.timings.values() for arm in arms}
    return tuple(arm for arm in ("ours", "native", "compile", "copy") if arm in present)


def _headings(arms: Iterable[str]) -> tuple[str, ...]:
    ratios = ("native / ours", "ours / copy", "floor / copy (streamed)", "over the floor")
    return (*(f"{arm}, ms" for arm in arms), *ratios, "error, ours / native")


def _labels(row: LayerRow) -> tuple[str, str, str]:
    dtype = "" if row.dtype == "float32" else f" {row.dtype}"
    return family_name(row) + dtype, shape_name(row.shape), LAYOUTS[row.memory_format]


def _figures(
    row: LayerRow, direction: str, arms: Iterable[str], show: Callable[[Timing | None], str]
) -> tuple[str, ...]:
    timings = row.timings[direction]
    ours, native = row.errors["ours"], row.errors["native"]
    outputs = (ours.evaluation, native.evaluation) if direction == "evaluation" else (ours.output, native.output)
    return (
        *(show(timings.get(arm)) for arm in arms),
        times(row.ratio(direction, "native")),
        times(row.ratio(direction, "ours", "copy")),
        f"{times(row.floor_copies(direction))} ({times(row.streamed_copies(direction))})",
        times(row.over_floor(direction)),
        _errors(*outputs),
    )


def step_cells(rows: Iterable[StepRow]) -> Cells:
    """Return the table of whole steps: a line for every net and kind, in its two layouts."""
    headings = (
        "net",
        "allocator",
        "norms",
        *(f"{name}, ms" for name in LAYOUTS.values()),
        "best / ours",
        "kept for backward, MiB",
    )
    lines = [_step_line(row, kind) for row in rows for kind in STEP_KINDS if row.best(kind)]
    return Cells(headings, (False, False, False, True, True, True, True), tuple(lines))


def _step_line(row: StepRow, kind: str) -> tuple[str, ...]:
    return (
        f"{row.net}, {row.batch} images {shape_name(row.image)}",
        row.allocator,
        STEP_KINDS[kind],
        *(with_spread(row.timings.get(f"{kind} {layout}")) for layout in LAYOUTS),
        times(row.ratio(row.best(kind), row.best("ours"))),
        mebibytes(row.saved_bytes.get(row.best(kind) or "")),
    )


def with_spread(timing: Timing | None) -> str:
    """Return the median and, in brackets, the quartiles.

    Example:
        >>> with_spread(Timing(median=12.34, lower=12.0, upper=13.04, rounds=7))
        '12.3 (12.0 … 13.0)'
    """
    if timing is None:
        return ABSENT
    return f"{milliseconds(timing.median)} ({milliseconds(timing.lower)} … {milliseconds(timing.upper)})"


def in_short(timing: Timing | None) -> str:
    """Return the median and half the distance of the quartiles.

    Example:
        >>> in_short(Timing(median=12.34, lower=12.0, upper=13.04, rounds=7))
        '12.3 ±0.5'
    """
    if timing is None:
        return ABSENT
    # As many places as the median has: its digits after the point.
    median = milliseconds(timing.median)
    places = len(median.partition(".")[2])
    return f"{median} ±{(timing.upper - timing.lower) / 2:.{places}f}"


def milliseconds(value: float) -> str:
    """Return three digits that count.

    Example:
        >>> [milliseconds(value) for value in (1234.5, 99.96, 9.876, 0.01234)]
        ['1234', '100', '9.88', '0.012']
    """
    places = next((places for limit, places in ((99.95, 0), (9.995, 1), (0.9995, 2)) if value >= limit), 3)
    return f"{value:.{places}f}"


def times(ratio: float | None) -> str:
    """Return a ratio to two places, or a dash.

    Example:
        >>> times(1 / 3)
        '0.33'
    """
    return ABSENT if ratio is None else f"{ratio:.2f}"


def mebibytes(count: int | None) -> str:
    """Return bytes in MiB, or a dash.

    Example:
        >>> mebibytes(3 << 19)
        '1.5'
    """
    return ABSENT if count is None else f"{count / 2**20:.1f}"


def _errors(ours: float, native: float) -> str:
    return f"{ours:.1e} / {native:.1e}"
