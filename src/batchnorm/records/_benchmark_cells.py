"""What did a benchmark find, in cells? For a page in full, for a terminal in short."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, TypeVar

from ..tables import NONE, Column, Table, mebibytes, shape_text, times
from ._benchmark_words import LAYOUTS, STEP_KINDS, family_name, geometric_mean, in_short

if TYPE_CHECKING:
    from ._benchmark import Benchmark, LayerRow, StepRow, Timing

    Row = TypeVar("Row", LayerRow, StepRow)
    Show = Callable[[Timing | None], str]

_RATIOS = (
    Column("native / ours"),
    Column("ours / copy", drop=5),
    Column("floor / copy (streamed)", drop=8),
    Column("over the floor", drop=7),
    Column("error, ours / native", drop=6),
)
_STEP = (
    Column("norms", "left"),
    *(Column(f"{name}, ms") for name in LAYOUTS.values()),
    Column("best / ours"),
    Column("kept for backward, MiB", drop=2),
)
_ARMS = {"ours": 0, "native": 0, "compile": 3, "copy": 4}
"""What is timed of a layer, and how soon its column is dropped."""


def benchmark_tables(benchmark: "Benchmark") -> dict[str, Table]:
    """Return the layers, for one shape every direction and for many the summary, and the whole steps."""
    tables = {}
    cases = {(family_name(row), shape_text(row.shape), row.dtype) for row in benchmark.layers}
    if len(cases) == 1:
        tables["layers"] = case_table(benchmark.layers, " ".join(*cases))
    elif cases:
        allocator, layers = _in_one_state(benchmark.layers)
        tables["layers"] = summary_table(layers, f"Training, forward and backward, {allocator} allocator")
    if benchmark.steps or not tables:
        allocator, steps = _in_one_state(benchmark.steps)
        tables["steps"] = _short_step_table(steps, f"Whole training steps, {allocator} allocator")
    return tables


def _in_one_state(rows: "tuple[Row, ...]") -> "tuple[str, list[Row]]":
    """A terminal has no room for both states of the allocator: the tuned one, if it was measured, and its rows."""
    allocator = "untuned" if rows and all(row.allocator == "untuned" for row in rows) else "tuned"
    return allocator, [row for row in rows if row.allocator == allocator]


def layer_table(rows: "Iterable[LayerRow]", direction: str, show: "Show") -> Table:
    """Return the table of one direction: a row for every layer.

    Args:
        rows: the layers.
        direction: of a `LayerRow`'s timings.
        show: words a timing.
    """
    rows = tuple(rows)
    arms = _arms(rows)
    labels = (Column("norm", "left"), Column("shape", "left"), Column("layout", "left"))
    gradient = (Column("dx error, ours / native", drop=9),) if direction in ("backward", "both") else ()
    lines = (
        (*_labels(row), *_figures(row, direction, arms, show), *(_errors(row, "input_gradient") for _ in gradient))
        for row in rows
    )
    return Table((*labels, *_arm_columns(arms), *_RATIOS, *gradient), tuple(lines))


def case_table(rows: "Iterable[LayerRow]", title: str) -> Table:
    """Return the table of few layers: a row for every direction of each, in short."""
    rows = tuple(rows)
    arms = _arms(rows)
    labels = (Column("layout", "left"), Column("allocator", "left"), Column("direction", "left"))
    lines = (
        (
            _layout(row),
            row.allocator,
            direction,
            *_figures(row, direction, arms, in_short),
        )
        for row in rows
        for direction in row.timings
    )
    return Table((*labels, *_arm_columns(arms), *_RATIOS), tuple(lines), title)


def _layout(row: "LayerRow") -> str:
    return LAYOUTS.get(row.memory_format, row.memory_format)


def _arms(rows: "Iterable[LayerRow]") -> tuple[str, ...]:
    present = {arm for row in rows for arms in row.timings.values() for arm in arms}
    return tuple(arm for arm in _ARMS if arm in present)


def _arm_columns(arms: Iterable[str]) -> Iterator[Column]:
    return (Column(f"{arm}, ms", drop=_ARMS[arm]) for arm in arms)


def _labels(row: "LayerRow") -> tuple[str, str, str]:
    dtype = "" if row.dtype == "float32" else f" {row.dtype}"
    return family_name(row) + dtype, shape_text(row.shape), _layout(row)


def _figures(row: "LayerRow", direction: str, arms: Iterable[str], show: "Show") -> tuple[str, ...]:
    timings = row.timings[direction]
    return (
        *(show(timings.get(arm)) for arm in arms),
        times(row.ratio(direction, "native")),
        times(row.ratio(direction, "ours", "copy")),
        f"{times(row.floor_copies(direction))} ({times(row.streamed_copies(direction))})",
        times(row.over_floor(direction)),
        _errors(row, "evaluation" if direction == "evaluation" else "output"),
    )


def _errors(row: "LayerRow", what: "Literal['output', 'input_gradient', 'evaluation']") -> str:
    arms = (row.errors.get(arm) for arm in ("ours", "native"))
    return " / ".join(NONE if errors is None else f"{getattr(errors, what):.1e}" for errors in arms)


def summary_table(rows: "Iterable[LayerRow]", title: str = "") -> Table:
    """Return a row per norm and layout: the geometric mean over its shapes, and the two ends."""
    columns = (
        Column("norm", "left"),
        Column("layout", "left"),
        Column("shapes", drop=5),
        Column("native / ours"),
        Column("least", drop=3),
        Column("most", drop=4),
        Column("ours / copy", drop=1),
        Column("over the floor", drop=2),
    )
    groups: dict[tuple[str, str], list[LayerRow]] = {}
    for row in rows:
        name = _labels(row)[0]
        groups.setdefault((name, _layout(row)), []).append(row)
        groups.setdefault((name, "both"), []).append(row)
    return Table(columns, tuple(_summary_rows(groups)), title)


def _summary_rows(groups: "dict[tuple[str, str], list[LayerRow]]") -> Iterator[tuple[str, ...]]:
    for name in dict.fromkeys(name for name, _ in groups):
        layouts = [layout for layout in LAYOUTS.values() if (name, layout) in groups]
        # Of one layout alone, "both" would say the same once more.
        for layout in (*layouts, "both") if len(layouts) == len(LAYOUTS) else layouts:
            yield (name, layout, *_summary(groups[name, layout]))


def _summary(rows: "list[LayerRow]") -> tuple[str, ...]:
    by_ratio = sorted(rows, key=lambda row: row.ratio("both", "native") or 0.0)
    least, most = by_ratio[0], by_ratio[-1]
    return (
        str(len(rows)),
        times(_mean(row.ratio("both", "native") for row in rows)),
        *(f"{times(row.ratio('both', 'native'))} at {shape_text(row.shape)}" for row in (least, most)),
        times(_mean(row.ratio("both", "ours", "copy") for row in rows)),
        times(_mean(row.over_floor("both") for row in rows)),
    )


def _mean(ratios: Iterable[float | None]) -> float | None:
    found = [ratio for ratio in ratios if ratio]
    return geometric_mean(found) if found else None


def step_table(rows: "Iterable[StepRow]", show: "Show") -> Table:
    """Return the table of whole steps: a row for every net and kind, in its two layouts."""
    labels = (Column("net", "left"), Column("allocator", "left"))
    lines = (
        (f"{row.net}, {row.batch} images {shape_text(row.image)}", row.allocator, *_step(row, kind, show))
        for row, kind in _steps(rows)
    )
    return Table((*labels, *_STEP), tuple(lines))


def _short_step_table(rows: "Iterable[StepRow]", title: str) -> Table:
    labels = (Column("net", "left"), Column("images", "left", drop=1))
    lines = ((row.net, shape_text((row.batch, *row.image)), *_step(row, kind, in_short)) for row, kind in _steps(rows))
    return Table((*labels, *_STEP), tuple(lines), title)


def _steps(rows: "Iterable[StepRow]") -> "Iterator[tuple[StepRow, str]]":
    return ((row, kind) for row in rows for kind in STEP_KINDS if row.best(kind))


def _step(row: "StepRow", kind: str, show: "Show") -> tuple[str, ...]:
    return (
        STEP_KINDS[kind],
        *(show(row.timings.get(f"{kind} {layout}")) for layout in LAYOUTS),
        times(row.ratio(row.best(kind), row.best("ours"))),
        mebibytes(row.saved_bytes.get(row.best(kind) or "")),
    )
