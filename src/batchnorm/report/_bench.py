"""What does a benchmark say? All of it as a page of Markdown, and its gist for the README."""

from collections.abc import Iterable, Iterator

from ..records import (
    STEP_KINDS,
    Benchmark,
    Conditions,
    StepRow,
    layer_table,
    step_table,
    summary_table,
    with_spread,
)
from ..tables import NONE, Column, Table, mebibytes, milliseconds, shape_text, times

DIRECTIONS = {
    "both": "Training, forward and backward",
    "forward": "Training, forward",
    "backward": "Training, backward",
    "evaluation": "Evaluation, forward",
}


def benchmark_page(benchmark: Benchmark) -> str:
    """Return all that was measured as a page of Markdown: a summary, then a table per direction and allocator."""
    parts = ["# What batch norm costs", conditions_text(benchmark.conditions)]
    tuned, untuned = (
        [row for row in benchmark.layers if row.allocator == allocator] for allocator in ("tuned", "untuned")
    )
    if tuned:
        parts += ["## In short", "Training, forward and backward, tuned allocator.", summary_table(tuned).markdown()]
    if benchmark.steps:
        parts += [
            "## Whole training steps",
            step_table(benchmark.steps, with_spread).markdown(),
            *step_sentences(benchmark.steps),
        ]
    for allocator, rows in (("tuned", tuned), ("untuned", untuned)):
        for direction, title in DIRECTIONS.items():
            if rows:
                parts += [f"## {title}, {allocator} allocator", layer_table(rows, direction, with_spread).markdown()]
    parts += list(_left_out(benchmark))
    return "\n\n".join(parts) + "\n"


def speed_section(benchmark: Benchmark, chart: str) -> str:
    """Return the README's part about speed, in Markdown, without a heading: one table, and where the rest is.

    Args:
        benchmark: what was measured.
        chart: the path of the chart, as the README's reader finds it.
    """
    steps = [row for row in benchmark.steps if row.allocator == "tuned"]
    parts = [_setting(benchmark.conditions)]
    if steps:
        parts.append(_short_step_table(steps).markdown())
    if benchmark.layers:
        parts.append(
            f"[The chart]({chart}) and [the whole benchmark](benchmarks/results/bench.md) show norm layers by "
            "themselves, shape by shape."
        )
    return "\n\n".join(parts) + "\n"


def conditions_text(conditions: Conditions) -> str:
    """Return a list of what it was measured on, and how."""
    load = NONE if conditions.load is None else f"{conditions.load:.2f}"
    points = {
        "versions": ", ".join(f"{name} {number}" for name, number in conditions.versions.items()),
        "machine": f"{conditions.processor}, {conditions.cpus} processors, {conditions.threads} threads in every arm, "
        f"last-level cache {mebibytes(conditions.cache_bytes)} MiB; load before the start {load}",
        "rounds": f"n = {conditions.rounds} of every arm after {conditions.warmup} for warming up; medians, and in "
        "brackets the quartiles",
        "method": f"{conditions.method} ({mebibytes(conditions.swept_bytes)} MiB)",
        **{f"{name} allocator": text for name, text in conditions.allocators.items()},
    }
    return "\n".join(f"- {name}: {text}" for name, text in points.items())


def step_sentences(steps: Iterable[StepRow]) -> list[str]:
    """Return a sentence per net: against plain PyTorch at its best, at its plainest, and against no norm at all."""
    by_net = {(row.net, row.allocator): row for row in steps}
    return [
        _step_sentence(row, by_net.get((net, "untuned")))
        for (net, allocator), row in by_net.items()
        if allocator == "tuned"
    ]


def _step_sentence(tuned: StepRow, untuned: StepRow | None) -> str:
    ours, plain = tuned.best("ours"), tuned.best("torch")
    if ours is None or plain is None:
        return f"{tuned.net}: not measured."
    parts = [
        f"{times(tuned.ratio(plain, ours))} times as fast as plain PyTorch in its best layout ({plain.split()[1]})"
    ]
    if untuned is not None and "torch nchw" in untuned.timings:
        plainest = untuned.timings["torch nchw"].median / tuned.timings[ours].median
        parts.append(f"{times(plainest)} times as fast as PyTorch in NCHW with the allocator as it starts")
    parts.append(f"{times(tuned.ratio(ours, tuned.best('none')))} times the step of the same net without norms")
    sentence = f"{tuned.net} with this library: {', '.join(parts)}."
    if tuned.saved_bytes.get(plain):
        share = tuned.saved_bytes[ours] / tuned.saved_bytes[plain]
        sentence += f" It keeps {100 * share:.0f} % of plain PyTorch's bytes for backward."
    return sentence


def _short_step_table(rows: Iterable[StepRow]) -> Table:
    columns = (Column("net", "left"), *(Column(name) for name in STEP_KINDS.values()))
    lines = (
        (f"{row.net}, {row.batch} images {shape_text(row.image)}", *(_best(row, kind) for kind in STEP_KINDS))
        for row in rows
    )
    return Table(columns, tuple(lines))


def _best(row: StepRow, kind: str) -> str:
    arm = row.best(kind)
    return NONE if arm is None else milliseconds(row.timings[arm].median)


def _setting(conditions: Conditions) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in conditions.versions.items() if name != "batchnorm")
    return (
        "One training step (forward, backward, optimizer) in milliseconds, each net in its faster memory layout. "
        f"Medians of {conditions.rounds} rounds in turn on a CPU ({conditions.processor}, {conditions.threads} "
        f"threads; {versions}), all with the tuned allocator."
    )


def _left_out(benchmark: Benchmark) -> Iterator[str]:
    """Yield what was not measured, each reason once."""
    reasons = benchmark.left_out()
    if reasons:
        yield "## Left out\n\n" + "\n".join(f"- {reason}" for reason in reasons)
