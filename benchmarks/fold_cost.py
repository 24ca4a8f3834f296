"""What does it cost to fold torchvision's ResNet-50, with and without a proof? `python benchmarks/fold_cost.py`.

Every fold is done in a fresh process. Memory is the process's highest resident set while it folds, less its resident
set just before, when the model has already run once; so it holds the activations of the calls that look and prove, too.
It is told as a multiple of the bytes of the parameters. Linux only: it reads /proc/self.
"""

import argparse
import json
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import peers
import torch
import zoo
from accuracy import processor

from batchnorm import __version__, fold, tune_allocator
from batchnorm.bench import machine_load

SEED = 0
WAYS = {"with the proof": "proof", "`verify=False`": "none"}


def resident(field: str) -> int:
    """Return bytes of this process's memory: `VmRSS` is what it has now, `VmHWM` the most since it was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def fold_once(size: int, *, verify: bool) -> dict[str, float]:
    """Fold in this process; return seconds, bytes, and how many norms went."""
    tune_allocator()
    torch.manual_seed(SEED)
    model = peers.load("torchvision").models.resnet50(weights=None).eval()
    zoo.enliven(model, torch.randn(4, 3, size, size), SEED)
    x = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        model(x)
    parameters = sum(parameter.nbytes for parameter in model.parameters())
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest is counted from here
    start = time.perf_counter()
    report = fold(model, x, verify=verify)
    seconds = time.perf_counter() - start
    left = sum(norm.outcome != "folded" for norm in report.norms)
    return {"seconds": seconds, "share": (resident("VmHWM") - before) / parameters, "norms left": left}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224, help="height and width of the image")
    parser.add_argument("--once", choices=("proof", "none"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        print(json.dumps(fold_once(given.size, verify=given.once == "proof")))
        return
    print(f"command: python benchmarks/fold_cost.py {shlex.join(sys.argv[1:])}".rstrip())
    print(f"machine: {processor()}, {torch.get_num_threads()} threads, load before {machine_load()}")
    versions = f"torch {torch.__version__}, torchvision {peers.load('torchvision').__version__}"
    print(f"versions: batchnorm {__version__}, {versions}, python {platform.python_version()}")
    print(f"resnet50, an image of {given.size}x{given.size}, n = {given.rounds} processes, median (least to most)\n")
    print("| | seconds | memory, times the parameters' bytes | norms left |\n|---|---|---|---|")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for _ in range(given.rounds):
        for name, word in WAYS.items():
            command = [sys.executable, __file__, "--once", word, "--size", str(given.size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    for name, rows in found.items():
        left = max(row["norms left"] for row in rows)
        print(f"| {name} | {spread(rows, 'seconds')} | {spread(rows, 'share')} | {left} |")


def spread(rows: list[dict[str, float]], field: str) -> str:
    """Return the median with the least and the most."""
    values = [row[field] for row in rows]
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
