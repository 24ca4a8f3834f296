"""What do the rows of `fold_speed.py` say, in a table?"""

from statistics import median

from measured import Row, described

ARMS = {"unfolded": "unfolded", "fx fuse": "fx `fuse`", "jit freeze": "jit freeze", "ours": "`batchnorm.fold`"}
AIM = 1.02
WORDS = """\
Output of `benchmarks/fold_speed.py`, which says how. Float32, evaluation without gradients, random weights. Medians in
milliseconds. A ratio is the median over the rounds of ours through the other in the same round, with the bootstrap's
interval of 95 %; under 1 ours is faster. The best peer is the one with the smaller median, chosen from the same rounds,
so that the ratio to it leans a little against ours."""


def page(head: Row, rows: list[Row]) -> str:
    """Return the page."""
    lines = ["# Speed of folded models", "", WORDS, "", *described(head), "", *summary(rows), "", *table(rows)]
    return "\n".join([*lines, "", *refusals(rows)]).rstrip() + "\n"


def summary(rows: list[Row]) -> list[str]:
    """Whether 1.02 of the best peer or less is reached: by the medians, and as far as the intervals can tell."""
    compared = [row["to best"] for row in rows if row.get("to best")]
    median_too = sum(found["median"] <= AIM for found in compared)
    reached = sum(found["low"] <= AIM for found in compared)
    missed = len(compared) - reached
    return [
        f"Of {len(compared)} cases with a peer, the interval reaches {AIM} or less in {reached}, the median as well in "
        f"{median_too}; {missed} {'is' if missed == 1 else 'are'} slower as far as the interval goes."
    ]


def table(rows: list[Row]) -> list[str]:
    """One row for each case."""
    titles = ["net", "image", "batch", "layout", *ARMS.values(), "best peer", "ours / best", "ours / unfolded", "load"]
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return lines + [f"| {' | '.join(_cells(row))} |" for row in rows]


def _cells(row: Row) -> list[str]:
    milliseconds = [row["milliseconds"].get(arm) for arm in ARMS]
    cells = [row["net"], "x".join(map(str, row["image"])), str(row["batch"]), row["layout"]]
    cells += ["refused" if values is None else f"{median(values):.2f}" for values in milliseconds]
    cells += [row.get("best") or "none", *(_ratio(row.get(name)) for name in ("to best", "to unfolded"))]
    return [*cells, "" if row["load"] is None else f"{row['load']:.1f}"]


def _ratio(found: dict[str, float] | None) -> str:
    return "" if found is None else f"{found['median']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def refusals(rows: list[Row]) -> list[str]:
    """What was raised."""
    said = {(row["net"], tool, why) for row in rows for tool, why in row["refused"].items()}
    return [f"- {net}, {tool}: {why}" for net, tool, why in sorted(said)]
