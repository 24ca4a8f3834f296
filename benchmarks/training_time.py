"""How much sooner is a training done by our kernels, and is the net as good?

`python benchmarks/training_time.py --runs DIR` trains each seed once by every arm, in turn (the arm that begins
changes), each in a process of its own, for the allocator cannot be untuned. Seconds are those of the training itself,
as `result.json` has them. A seed's arms differ in nothing but the arm's options, so that ratios and differences are
taken seed by seed. A finished run is not made again.
"""

import argparse
import math
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import mean, median, stdev

import torch
from accuracy import processor
from scipy.stats import t as student

from batchnorm import __version__
from batchnorm.bench import machine_load
from batchnorm.records import TrainResult
from batchnorm.training import RunFolder

ARMS = {
    "auto": (),
    "native": ("--route", "native"),
    "native, untuned": ("--route", "native", "--no-tune-allocator"),
}
"""The last one is what a training did before there were kernels and a tuned allocator."""
Results = dict[str, list[TrainResult]]


def train(options: list[str], folder: Path) -> TrainResult:
    """Return the result of the run in `folder`, trained by the command line if it is not there yet.

    Raises:
        SystemExit: the training failed, or an unfinished run lies there, whose seconds would not be comparable.
    """
    run = RunFolder(folder)
    if run.config.exists() and not run.read_result():
        sys.exit(f"{folder}: expected no run or a finished one, got one that was stopped; remove it and start again")
    if not run.read_result():
        command = [sys.executable, "-m", "batchnorm", "train", "--quiet", *options, "--out", str(folder)]
        if code := subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            sys.exit(code)
    result = run.read_result()
    if result is None:
        sys.exit(f"{folder}: expected a result, got none")
    return result


def interval(values: list[float], digits: int) -> str:
    """Return the mean with its 95 % t interval."""
    if len(values) < 2:
        return f"{mean(values):.{digits}f}"
    half = student.ppf(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return f"{mean(values):.{digits}f} ± {half:.{digits}f}"


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
        compared = ("—", "—") if arm == "auto" else (interval(ratios, 2), interval(apart, 2))
        spread = f"{median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        accuracy = interval([100 * run.test_accuracy for run in runs], 2)
        lines.append(f"| {arm} | {spread} | {compared[0]} | {accuracy} | {compared[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing and print a Markdown table."""
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
