"""How much sooner is a training done by our kernels, and is the net as good?

`python benchmarks/training_time.py --runs DIR` trains each seed once by every arm, in turn (the arm that begins
changes), each in a process of its own, for the allocator cannot be untuned. Seconds are those of the training itself,
as `result.json` has them. A seed's arms differ in nothing but the arm's options, so that ratios and differences are
taken seed by seed. DIR must hold no such runs yet.
"""

import argparse
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import median

import torch
from accuracy import processor
from t_interval import interval

from batchnorm import __version__
from batchnorm.bench import machine_load
from batchnorm.records import TrainResult
from batchnorm.runs import RunFolder

ARMS = {
    "auto": (),
    "native": ("--route", "native"),
    "native, untuned": ("--route", "native", "--no-tune-allocator"),
}
"""The last one is what a training did before there were kernels and a tuned allocator."""
Results = dict[str, list[TrainResult]]


def train(options: list[str], folder: Path) -> TrainResult:
    """Train by the command line, which refuses a folder that has a run already, and return the result.

    Raises:
        SystemExit: it was refused, or failed; the command has said why.
    """
    command = [sys.executable, "-m", "batchnorm", "train", "--quiet", *options, "--out", str(folder)]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    result = RunFolder(folder).read_result() if code == 0 else None
    if result is None:
        sys.exit(code or f"{folder}: expected a result, got none")
    return result


def table(results: Results) -> str:
    """Return a row for each arm; ratios and differences are to the first, seed by seed."""
    first = results["auto"]
    lines = [
        "| arm | seconds, median (least to most) | times auto's | test accuracy, % | less auto's, points |",
        "|---|---|---|---|---|",
    ]
    for arm, runs in results.items():
        seconds = [run.seconds for run in runs]
        ratios = [run.seconds / auto.seconds for run, auto in zip(runs, first, strict=True)]
        apart = [100 * (run.test_accuracy - auto.test_accuracy) for run, auto in zip(runs, first, strict=True)]
        compared = ("—", "—") if arm == "auto" else (interval(ratios), interval(apart))
        spread = f"{median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        accuracy = interval([100 * run.test_accuracy for run in runs])
        lines.append(f"| {arm} | {spread} | {compared[0]} | {accuracy} | {compared[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Train, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--options", default="", help="of `batchnorm train`, as one word; without it those of the demo")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--runs", type=Path, required=True, help="the folder of the run folders")
    given = parser.parse_args()
    before = machine_load()
    results: Results = {arm: [] for arm in ARMS}
    names = list(ARMS)
    for number, seed in enumerate(given.seeds):
        first = number % len(names)
        for arm in names[first:] + names[:first]:
            options = [*shlex.split(given.options), "--seed", str(seed), *ARMS[arm]]
            folder = given.runs / f"{arm.replace(', ', '-')}-seed-{seed}"
            results[arm].append(train(options, folder))
            print(f"{folder}: {results[arm][-1].seconds:.1f} s", file=sys.stderr, flush=True)
    print(f"command: python benchmarks/training_time.py {shlex.join(sys.argv[1:])}")
    print(
        f"machine: {processor()}, {torch.get_num_threads()} threads, load before and after {before}, {machine_load()}"
    )
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}")
    print(f"n = {len(given.seeds)} seeds, mean ± 95 % t interval over the seeds\n")
    print(table(results))


if __name__ == "__main__":
    main()
