"""How many microseconds does a call of our layers take beyond one of torch's, where there is little to compute?

`python benchmarks/layer_call.py` times `BatchNorm2d` on (8, 16, 4, 4) in training, forward alone and with backward, by
each route, and torch's module beside it. The calls take turns in blocks, in fresh processes, for a process keeps the
pace that its memory happens to have. With `--against PYTHON`, the interpreter of an environment that has another
checkout of this package, the processes of both take turns (A B A B), and what was before stands beside what is now. It
also counts the functions of this package that a forward goes through. It prints a page, and takes about a minute;
nothing else should run meanwhile.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from accuracy import processor
from layer_call_process import ROUTES, SHAPE

from batchnorm import __version__
from batchnorm.bench import machine_load

PROCESS = Path(__file__).with_name("layer_call_process.py")
DIRECTIONS = {"forward": "forward", "both": "forward and backward"}
TITLE = f"""\
# What a call of a small layer costs

Output of `benchmarks/layer_call.py`: microseconds of a call of `BatchNorm2d` in training on a float32 tensor of
{SHAPE}, and how many of them are over those of torch's module. A process gives the median of its blocks, and the
median of the differences to torch's block of the same turn; in the table stand the median over the processes and, in
brackets, the least and the most. With so few values `auto` takes torch's operator; `fused` is our kernels, for which
this tensor is too small.
"""
Process = dict[str, Any]
"""What one process printed."""


def run(python: str, given: argparse.Namespace) -> Process:
    """Measure in a fresh process of an interpreter; without its present folder, which may hold another package.

    Raises:
        SystemExit: it failed, and has said why.
    """
    command = [python, "-P", str(PROCESS), *(str(number) for number in (given.blocks, given.calls, given.threads))]
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{python}: could not measure there (exit code {done.returncode})")
    return json.loads(done.stdout)


def measure(pythons: dict[str, str], given: argparse.Namespace) -> dict[str, list[Process]]:
    """Return what the processes of each interpreter found, who took turns."""
    found: dict[str, list[Process]] = {name: [] for name in pythons}
    for number in range(given.processes):
        for name in list(pythons)[:: -1 if number % 2 else 1]:
            found[name].append(run(pythons[name], given))
    return found


def cost(process: Process, direction: str, arm: str) -> float:
    """Return the microseconds of a call."""
    return median(process["microseconds"][direction][arm])


def over(process: Process, direction: str, arm: str) -> float:
    """Return the microseconds over torch's module."""
    found = process["microseconds"][direction]
    return median(ours - torchs for ours, torchs in zip(found[arm], found["torch"], strict=True))


def spread(values: Sequence[float]) -> str:
    """Return the median, and the least and the most."""
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def rows(found: dict[str, list[Process]]) -> Iterator[str]:
    """Yield the rows of the table of times."""
    for direction, words in DIRECTIONS.items():
        for arm in ("torch", *ROUTES):
            cells = [words, "torch's module" if arm == "torch" else f"`{arm}`"]
            for processes in found.values():
                cells.append(spread([cost(process, direction, arm) for process in processes]))
                cells.append("" if arm == "torch" else spread([over(process, direction, arm) for process in processes]))
            if len(found) > 1:
                cells.append("" if arm == "torch" else shrunk(found, lambda one, w=direction, a=arm: over(one, w, a)))
            yield f"| {' | '.join(cells)} |"


def shrunk(found: dict[str, list[Process]], number: Callable[[Process], float]) -> str:
    """Return which part of the time over torch's module is left; where there was none, there is nothing to say."""
    before, now = (median(number(process) for process in found[name]) for name in ("before", "now"))
    return f"{max(now, 0.0) / before:.2f}" if before > 0 else "—"


def counts(found: dict[str, list[Process]]) -> Iterator[str]:
    """Yield the rows of the table of what a forward goes through."""
    for route in ROUTES:
        passed = [processes[0]["passed"][route] for processes in found.values()]
        cells = (str(one[name]) for one in passed for name in ("calls", "functions", "files"))
        yield f"| `{route}` | {' | '.join(cells)} |"


def commit(process: Process) -> str:
    """Return the commit of the checkout that a process imported, where git knows it."""
    command = ["git", "-C", process["package"], "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="PYTHON", help="the interpreter of the environment of another checkout")
    parser.add_argument("--processes", type=int, default=7, help="of each interpreter")
    parser.add_argument("--blocks", type=int, default=101, help="of each layer in a process")
    parser.add_argument("--calls", type=int, default=50, help="in a block")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    pythons = {"before": given.against} if given.against else {}
    load = machine_load()
    found = measure({**pythons, "now": sys.executable}, given)
    options = " ".join(f"--{name} {getattr(given, name)}" for name in ("processes", "blocks", "calls", "threads"))
    print(TITLE)
    print(f"```\ncommand: python benchmarks/layer_call.py {'--against PYTHON ' if pythons else ''}{options}")
    print(f"machine: {processor()}, {given.threads} threads, load before and after {load}, {machine_load()}")
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}")
    print(f"commits: {', '.join(f'{name} {commit(some[0])}' for name, some in found.items())}")
    print(f"n = {given.processes} processes of {given.blocks} blocks of {given.calls} calls\n```\n")
    show(found)


def show(found: dict[str, list[Process]]) -> None:
    """Print both tables."""
    names = [f"{name}: " if len(found) > 1 else "" for name in found]
    times = [f"{name}{what}" for name in names for what in ("µs", "over torch's module, µs")]
    titles = ["direction", "layer", *times, *(["over, now / before"] if len(found) > 1 else [])]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    print("\n".join(rows(found)))
    passed = [f"{name}{what}" for name in names for what in ("calls", "different functions", "files")]
    print(
        "\nWhat of this package a forward goes through, functions of Python that are called, and the files they are in:"
    )
    print(f"\n| route | {' | '.join(passed)} |\n|{'---|' * (1 + len(passed))}")
    print("\n".join(counts(found)))


if __name__ == "__main__":
    main()
