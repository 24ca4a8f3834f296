"""Train one config with several seeds and print the accuracy with its spread: `python benchmarks/accuracy.py --help`.

Every seed is a run folder; a finished one is not trained again, an unfinished one goes on. So the seeds of a long
recipe may be trained one after the other, and the last call prints the table.
"""

import argparse
import json
import math
import platform
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import torch

from batchnorm import __version__
from batchnorm.progress import watch_training
from batchnorm.records import TrainResult
from batchnorm.runs import RunFolder, TrainConfig, differences, read_config
from batchnorm.training import fit, resume


def train(config: TrainConfig, folder: Path) -> TrainResult:
    """Return the result of the run in `folder`, training it as far as it is not trained yet.

    Raises:
        SystemExit: the run there has another config.
    """
    run = RunFolder(folder)
    if run.config.exists() and (other := differences(config, run.read_config())):
        sys.exit(f"{folder}: expected a run of this config, but it differs in {', '.join(other)}; choose other --runs")
    done = run.read_result()
    if done:
        return done
    with watch_training(quiet=False) as watcher:
        if run.config.exists():
            return resume(folder, watcher=watcher).result
        return fit(config, out=folder, watcher=watcher).result


def main() -> None:
    """Train the seeds and print a Markdown table, and the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="a TOML file; without it the defaults of `batchnorm train`")
    parser.add_argument("--data", help="instead of the config's")
    parser.add_argument("--epochs", type=int, help="instead of the config's")
    parser.add_argument("--threads", type=int, help="instead of the config's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, required=True, help="the folder of the run folders")
    given = parser.parse_args()
    config = read_config(given.config) if given.config else TrainConfig()
    changed = {name: value for name in ("data", "epochs", "threads") if (value := getattr(given, name)) is not None}
    config = replace(config, **changed)
    results = [train(replace(config, seed=seed), given.runs / f"seed-{seed}") for seed in given.seeds]
    print_table(config, results, " ".join(sys.argv[1:]))


def print_table(config: TrainConfig, results: list[TrainResult], arguments: str) -> None:
    """Print what was run, on what, and each seed's accuracy with mean, standard deviation and standard error."""
    accuracies = [result.test_accuracy for result in results]
    spread = stdev(accuracies) if len(accuracies) > 1 else None
    print(f"\ncommand: python benchmarks/accuracy.py {arguments}")
    print(f"machine: {processor()}, {torch.get_num_threads()} threads (config: {config.threads or 'torch default'})")
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}\n")
    print("| seed | test accuracy | test loss | minutes |\n|---|---|---|---|")
    for result in results:
        print(f"| {result.seed} | {result.test_accuracy:.4f} | {result.test_loss:.4f} | {result.seconds / 60:.1f} |")
    shown = f"sd {spread:.4f}, se {spread / math.sqrt(len(accuracies)):.4f}, " if spread is not None else ""
    print(f"\nmean {mean(accuracies):.4f}, {shown}n = {len(accuracies)}")
    print(json.dumps({"config": config.__dict__, "accuracies": accuracies, "mean": mean(accuracies), "sd": spread}))


def processor() -> str:
    """Return the processor's name where Linux tells it."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
