"""What do the rows of `fold_speed.py` say, in a table?"""

from statistics import geometric_mean, median

from measured import Row, described

IN_JIT = "ours, jit freeze"
"""Our model, traced and frozen: it runs in the same interpreter as jit's."""
ARMS = {
    "unfolded": "unfolded",
    "fx fuse": "fx `fuse`",
    "jit freeze": "jit freeze",
    "ours": "`batchnorm.fold`",
    IN_JIT: "`batchnorm.fold`, jit freeze",
}
AIM = 1.02
RATIOS = {
    "to best": "ours / best peer",
    "to fx": "ours / fx",
    "in jit": "ours in jit / jit",
    "to unfolded": "ours / unfolded",
}
WORDS = """\
Output of `benchmarks/fold_speed.py`, which says how. Float32, evaluation without gradients, random weights. Medians in
milliseconds. A ratio is the median over the rounds of ours through the other in the same round, with the bootstrap's
interval of 95 %; under 1 ours is faster. The best peer is the one with the smaller median, chosen from the same rounds,
so that the ratio to it leans a little against ours. jit freeze is another interpreter, too, whoever folded; so
our model is also traced and frozen, and compared with jit's there."""


def page(head: Row, rows: list[Row]) -> str:
    """Return the page."""
    lines = ["# Speed of folded models", "", WORDS, "", *described(head), "", *summary(rows), "", *table(rows)]
    return "\n".join([*lines, "", *refusals(rows)]).rstrip() + "\n"


def summary(rows: list[Row]) -> list[str]:
    """Whether 1.02 of a peer or less is reached: by the medians, and as far as the intervals can tell."""
    return [_summed(title, [row[name] for row in rows if row.get(name)]) for name, title in RATIOS.items()]


def _summed(title: str, found: list[dict[str, float]]) -> str:
    reached = sum(ratio["low"] <= AIM for ratio in found)
    by_median = sum(ratio["median"] <= AIM for ratio in found)
    return (
        f"- {title}: the interval reaches {AIM} or less in {reached} of {len(found)} cases, the median in {by_median}; "
        f"geometric mean {geometric_mean([ratio['median'] for ratio in found]):.3f}"
        if found
        else f"- {title}: no case"
    )


def table(rows: list[Row]) -> list[str]:
    """One row for each case."""
    titles = ["net", "image", "batch", "layout", *ARMS.values(), "best peer", *RATIOS.values(), "load"]
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return lines + [f"| {' | '.join(_cells(row))} |" for row in rows]


def _cells(row: Row) -> list[str]:
    milliseconds = [row["milliseconds"].get(arm) for arm in ARMS]
    cells = [row["net"], "x".join(map(str, row["image"])), str(row["batch"]), row["layout"]]
    cells += ["refused" if values is None else f"{median(values):.2f}" for values in milliseconds]
    cells += [row.get("best") or "none", *(_ratio(row.get(name)) for name in RATIOS)]
    return [*cells, "" if row["load"] is None else f"{row['load']:.1f}"]


def _ratio(found: dict[str, float] | None) -> str:
    return "" if found is None else f"{found['median']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def refusals(rows: list[Row]) -> list[str]:
    """What was raised."""
    said = {(row["net"], tool, why) for row in rows for tool, why in row["refused"].items()}
    return [f"- {net}, {tool}: {why}" for net, tool, why in sorted(said)]
