"""Into how many public nets does each tool fold batch norm, how much of it, and are the outputs right?

`python benchmarks/fold_zoo.py` builds each net of `zoo.py` and lets `batchnorm.fold`, torch.fx's `fuse`, `fuse_fx` and
`torch.jit.freeze` fold it. A net has a process of its own; what a tool raises, or dies of, is a result. What has been
measured is not measured again: the results lie in OUT/fold_zoo.json, which is written after each net.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import fold_zoo_page
import measured
import zoo
from fold_tools import TOOLS
from measured import Row

from batchnorm.files import atomic_write

MEASURED = ("original", *TOOLS)


def measure(net: str, tools: list[str], threads: int, seconds: float) -> list[Row]:
    """Return the rows of one net; where a process ends too early, the next tool begins in a new one."""
    rows: list[Row] = []
    waiting = tools
    while waiting:
        found, why = _in_a_process_of_its_own(net, waiting, threads, seconds)
        waiting = waiting[len(found) :]
        rows += found
        if waiting:
            rows.append({"net": net, "tool": waiting[0], "error": why})
            waiting = waiting[1:]
    return rows


def _in_a_process_of_its_own(net: str, tools: list[str], threads: int, seconds: float) -> tuple[list[Row], str]:
    """Return what came, and why no more did."""
    command = [sys.executable, str(Path(__file__).with_name("fold_net.py")), net, *tools, "--threads", str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        return _rows(late.stdout.decode() if late.stdout else ""), f"took more than {seconds:g} s"
    said = done.stderr.strip().splitlines()
    why = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    return _rows(done.stdout), f"the process ended ({why}){': ' + said[-1] if said else ''}"


def _rows(text: str) -> list[Row]:
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def write(folder: Path, now: dict[str, str], rows: Iterable[Row]) -> None:
    """Write both files, in the order of the zoo."""
    order = {net: number for number, net in enumerate(zoo.NETS)}
    ordered = sorted(rows, key=lambda row: (order[row["net"]], MEASURED.index(row["tool"])))
    command = f"python benchmarks/fold_zoo.py --threads {now['threads']}"
    head = measured.write(folder / "fold_zoo.json", now, ordered, command)
    with atomic_write(folder / "fold_zoo.md", "w") as file:
        file.write(fold_zoo_page.page(head, ordered))


def main() -> None:
    """Measure what is missing, and write after each net."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", help="names with commas between them; all without it", default=",".join(zoo.NETS))
    parser.add_argument("--tools", help=f"of {', '.join(TOOLS)}; all without it", default=",".join(TOOLS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=900, help="the most that a process may take")
    parser.add_argument("--again", action="store_true", help="also what was measured before")
    given = parser.parse_args()
    nets, tools = given.nets.split(","), ["original", *given.tools.split(",")]
    if unknown := {*nets} - {*zoo.NETS} | {*tools} - {*MEASURED}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; nets are {', '.join(zoo.NETS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    now = measured.conditions(given.threads)
    kept = {(row["net"], row["tool"]): row for row in measured.read(given.out / "fold_zoo.json", now)}
    for number, net in enumerate(nets, 1):
        missing = [tool for tool in tools if given.again or (net, tool) not in kept]
        for row in measure(net, missing, given.threads, given.seconds):
            kept[net, row["tool"]] = row
        write(given.out, now, kept.values())
        print(f"{number} of {len(nets)}: {net}, {', '.join(missing) or 'all known'}", flush=True)


if __name__ == "__main__":
    main()
