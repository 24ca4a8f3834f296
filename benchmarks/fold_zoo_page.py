"""What do the rows of `fold_zoo.py` say, in tables?"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import median

from measured import Row, described

Rows = dict[str, dict[str, Row]]
"""By net, and then by tool."""
TITLES = {
    "ours": "`batchnorm.fold`",
    "fx fuse": "fx `fuse`",
    "fuse_fx": "`fuse_fx`",
    "jit freeze": "jit trace + freeze",
}
WORDS = """\
Output of `benchmarks/fold_zoo.py`, which says how. The nets have random weights; each norm has the statistics of one
batch, with an offset.

- A norm is counted when it runs, as an operator. One whose arithmetic is left in the graph, or in a `ScaleShift`, is
  not folded.
- Foldable: what the tool that folds most takes out of that net, with right outputs.
- Wrong: further from the original's outputs in float64 than 1e-9 of the largest when everything is in float64, or than
  the larger of 1e-4 and three times the float32 original's own distance when all is in float32, on two inputs.
- Seconds are of folding alone, of a float32 model, and ours with its proof; the others prove nothing."""


def page(head: Row, rows: Iterable[Row]) -> str:
    """Return the page of all that was measured."""
    nets: Rows = defaultdict(dict)
    for row in rows:
        nets[row["net"]][row["tool"]] = row
    lines = ["# Folding batch norm into public nets", "", WORDS, "", *described(head), "", *totals(nets), ""]
    lines += [*each_net(nets), "", *reasons(nets), "", *refusals(nets)]
    return "\n".join(lines).rstrip() + "\n"


def folded(row: Row | None) -> int:
    """Return how many norms a tool took out of a net."""
    return row["norms"] - row["left"] if row and "error" not in row else 0


def foldable(tools: dict[str, Row]) -> int:
    """Return how many the best of them took out without a mistake."""
    return max((folded(row) for tool, row in tools.items() if tool in TITLES and not row.get("wrong")), default=0)


def norms(tools: dict[str, Row]) -> int:
    """Return how many run in a net."""
    return max((row["norms"] for row in tools.values() if "norms" in row), default=0)


def totals(nets: Rows) -> list[str]:
    """One column for each tool."""
    present = [tool for tool in TITLES if any(tool in tools for tools in nets.values())]
    columns = {tool: _column(tool, nets) for tool in present}
    labels = list(next(iter(columns.values()), {}))
    lines = [
        f"{len(nets)} nets, in which {sum(map(norms, nets.values()))} norms run, "
        f"{sum(map(foldable, nets.values()))} of them foldable.",
        "",
        f"| | {' | '.join(TITLES[tool] for tool in present)} |",
        f"|---|{'---|' * len(present)}",
    ]
    return lines + [f"| {label} | {' | '.join(columns[tool][label] for tool in present)} |" for label in labels]


def _column(tool: str, nets: Rows) -> dict[str, str]:
    asked = {net: tools[tool] for net, tools in nets.items() if tool in tools}
    ran = [row for row in asked.values() if "error" not in row]
    possible = sum(foldable(nets[net]) for net in asked)
    taken = sum(min(folded(row), foldable(nets[net])) for net, row in asked.items() if not row.get("wrong"))
    seconds = [row["seconds"] for row in ran]
    column = {
        "nets that ran": f"{len(ran)} of {len(asked)}",
        "foldable norms folded": f"{100 * taken / possible:.1f} %" if possible else "none",
        "norms left running in these": f"{sum(row['left'] for row in ran)} of {sum(row['norms'] for row in ran)}",
        "nets with wrong outputs": str(sum(row["wrong"] for row in ran)),
        "seconds in all (median of a net)": f"{sum(seconds):.0f} ({median(seconds):.2f})" if seconds else "none",
    }
    unproved = [row["unproved_seconds"] for row in ran if "unproved_seconds" in row]
    alone = f"{sum(unproved):.0f} ({median(unproved):.2f})" if unproved else "the same"
    return column | {"the same without a proof": alone}


def each_net(nets: Rows) -> list[str]:
    """One row for each net."""
    lines = [
        "Norms folded in each net; where ours leaves some, what became of them. Errors are the largest difference from "
        "the original in float64, as a share of the largest output.",
        "",
        "| net | norms | ours | fx `fuse` | `fuse_fx` | jit | error: original | ours | ours in float64 | seconds: ours "
        "| without a proof | jit |",
        f"|---|{'---|' * 11}",
    ]
    return lines + [f"| {net} | {' | '.join(_cells(tools))} |" for net, tools in nets.items()]


def _cells(tools: dict[str, Row]) -> list[str]:
    mine, jit, original = (tools.get(tool, {}) for tool in ("ours", "jit freeze", "original"))
    cells = [str(norms(tools)), *(_folded_cell(tools.get(tool)) for tool in TITLES)]
    cells += [
        _number(original.get("float32"), ".0e"),
        *(_number(mine.get(name), ".0e") for name in ("float32", "float64")),
    ]
    seconds = (mine.get("seconds"), mine.get("unproved_seconds"), jit.get("seconds"))
    return cells + [_number(value, ".1f") for value in seconds]


def _folded_cell(row: Row | None) -> str:
    if row is None:
        return ""
    if "error" in row:
        return "refused"
    rest = {name: count for name, count in row.get("outcomes", {}).items() if name != "folded"}
    shown = ", ".join([str(folded(row)), *(f"{count} {name}" for name, count in sorted(rest.items()))])
    return f"{shown}, **wrong**" if row["wrong"] else shown


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def reasons(nets: Rows) -> list[str]:
    """Why ours did no more, names left out."""
    counts: Counter[str] = Counter()
    where: dict[str, list[str]] = defaultdict(list)
    for net, tools in nets.items():
        for reason, count in tools.get("ours", {}).get("reasons", {}).items():
            plain = re.sub(r"(^|; )(fed|read) by [^:;]+:", r"\1\2 by …:", reason)
            plain = re.sub(r"(the output of|made by \w+ in|read by \w+ in) (?!the model)[\w.]+", r"\1 …", plain)
            plain = re.sub(r"\b(?!aten\.)[\w-]+(\.[\w-]+)+\b", "…", plain)
            counts[plain] += count
            where[plain] += [net] if net not in where[plain] else []
    if not counts:
        return []
    lines = ["Why ours did no more with a norm:", "", "| reason | norms | nets |", "|---|---|---|"]
    for reason, count in counts.most_common():
        lines += [f"| {reason} | {count} | {', '.join(where[reason])} |"]
    return lines


def refusals(nets: Rows) -> list[str]:
    """What was raised."""
    found = [row for tools in nets.values() for row in tools.values() if "error" in row]
    if not found:
        return []
    lines = ["What was raised:", "", "| net | tool | |", "|---|---|---|"]
    return lines + [f"| {row['net']} | {row['tool']} | {row['error'].replace('|', '/')} |" for row in found]
