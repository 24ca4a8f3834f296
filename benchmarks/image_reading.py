"""How fast does a training get its photographs, beside torchvision's `ImageFolder` and torch's `DataLoader`?

`python benchmarks/image_reading.py` writes folders of JPEGs of several sizes and has them read in turn, each time by a
fresh process, with random resized crops of 224 pixels and flips, in batches of 64, nothing else done with them:

- ours: `data.store` and `data.Batches`, with the decoded images kept in an empty cache, up to normalized floats. The
  first epoch begins with the list of files: sums of their contents, decoding and writing are part of it.
- ours, nothing kept: the same with a cache of size 0, where worker processes decode every epoch anew.
- torchvision: `ImageFolder`, `RandomResizedCrop`, `RandomHorizontalFlip`, `ToTensor`, `Normalize`, and a `DataLoader`
  whose workers stay from epoch to epoch.
- torchvision, bytes: the same with `PILToTensor` in the place of the last two, so that its workers send a quarter of
  the bytes; nobody normalizes them.

All files are in the system's memory, as they have just been written. The allocator is tuned before the first step, as
a training has it by default. Then the peak memory of a folder whose decoded
images take ten times what may be kept is compared with that of a tenth of the folder, under a tenth of the bound. With
the default options it takes some three quarters of an hour and 4 GB of disk, and writes a page.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paired
import peers
import photographs
import PIL
import torch
from accuracy import processor

from batchnorm import __version__
from batchnorm.files import atomic_write

HERE = Path(__file__).parent
OURS, UNKEPT, THEIRS, BYTES = "ours", "ours, nothing kept", "torchvision", "torchvision, bytes"
WAYS = {
    OURS: ["ours"],
    UNKEPT: ["ours", "--bound", "0"],
    THEIRS: ["torchvision"],
    BYTES: ["torchvision-bytes"],
}
EPOCHS = 2
Seconds = dict[str, list[list[float]]]
"""By way, for each round: the seconds of each epoch."""
TITLE = """\
# Reading photographs

Output of `benchmarks/image_reading.py`, which says how: JPEGs read in turn, by fresh processes, with random resized
crops of 224 pixels and flips.
"""


def measure(way: list[str], folder: Path, *more: str) -> dict[str, Any]:
    """Have a folder read by a process of its own, with an empty cache, and return what it says."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
        done = subprocess.run(
            [sys.executable, str(HERE / "image_reading_process.py"), *way, str(folder), *more],
            env={**os.environ, "BATCHNORM_CACHE": cache},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(f"{way}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_turn(folder: Path, rounds: int, workers: int) -> Seconds:
    """Measure all ways, round by round; who begins changes."""
    seconds: Seconds = {name: [] for name in WAYS}
    for number in range(rounds):
        names = list(WAYS)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found = measure(WAYS[name], folder, "--workers", str(workers), "--epochs", str(EPOCHS))
            seconds[name].append(found["seconds"])
            print(f"{folder.name}, round {number + 1}: {name}: {found['seconds']}", file=sys.stderr)
    return seconds


def speeds(size: str, count: int, seconds: Seconds) -> Iterator[str]:
    """Yield the rows of one size of photographs."""
    for name, rounds in seconds.items():
        cells = []
        for epoch in range(EPOCHS):
            mine, ours = ([taken[epoch] for taken in arm] for arm in (rounds, seconds[OURS]))
            cells.append(paired.spread([count / taken for taken in mine], 0))
            cells.append("1" if name == OURS else paired.ratio_text(mine, ours, 2))
        yield f"| {size} | {name} | {' | '.join(cells)} |"


def memory(folder: Path, tenth: Path, workers: int) -> Iterator[str]:
    """Yield the rows of what reading takes of memory where a tenth of the images may be kept."""
    bound = measure(WAYS[OURS], tenth, "--epochs", "0")["kept"]
    for name, place, most in (("a tenth", tenth, bound // 10), ("all", folder, bound)):
        options = ["--bound", str(most), "--workers", str(workers), "--epochs", "1", "--memory"]
        found = measure(WAYS[OURS], place, *options)
        cells = (
            f"{found['images']:,}",
            *(f"{number / 1e6:,.0f}" for number in (most, found["before"], found["memory"])),
        )
        yield f"| {name} | {' | '.join(cells)} | {found['kept'] / 1e6:,.0f} |"


def page(arguments: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the page behind its title."""
    ratio = "times ours"
    heads = [f"epoch {n + 1}: {what}" for n in range(EPOCHS) for what in ("images/s", ratio)]
    yield f"Medians and quartiles of n = {arguments.rounds} rounds of {arguments.images:,} images, and the median"
    yield "of the time in times of ours, with its interval of 95 %: above 1, ours is faster."
    yield ""
    yield f"| photographs | way | {' | '.join(heads)} |"
    yield "|---|---|" + "---|" * len(heads)
    for size in arguments.sizes:
        width, height = map(int, size.split("x"))
        photographs.write(folder / size, arguments.images, (width, height))
        yield from speeds(size, arguments.images, in_turn(folder / size, arguments.rounds, arguments.workers))
    small = folder / arguments.sizes[0]
    width, height = map(int, arguments.sizes[0].split("x"))
    photographs.write(folder / "tenth", max(1, arguments.images // 10), (width, height), seed=1)
    yield ""
    yield f"Peak memory of all processes, in MB, {arguments.sizes[0]}, where a tenth of the decoded images may be kept:"
    yield ""
    yield "| folder | images | bound | before it began | peak | kept on the disk |"
    yield "|---|---|---|---|---|---|"
    yield from memory(small, folder / "tenth", arguments.workers)


def main() -> None:
    """Write the photographs, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["500x375", "1024x768", "2048x1536"], help="WIDTHxHEIGHT")
    parser.add_argument("--images", type=int, default=2000, help="photographs of each size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="threads or processes that read, for all ways alike")
    parser.add_argument("--scratch", type=Path, help="an existing folder for the photographs and the cache")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results" / "image_reading.md")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds: an interval takes 2 at least")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        lines = "\n".join(page(arguments, Path(scratch)))
    command = shlex.join(["python", "benchmarks/image_reading.py", *sys.argv[1:]])
    versions = {
        "batchnorm": __version__,
        "torch": torch.__version__,
        "torchvision": peers.load("torchvision").__version__,
        "pillow": PIL.__version__,
        "python": platform.python_version(),
    }
    about = [
        f"command: {command}",
        f"versions: {', '.join(f'{name} {version}' for name, version in versions.items())}",
        f"machine: {processor()}, {os.cpu_count()} processors, {arguments.workers} workers",
    ]
    with atomic_write(arguments.output, "w") as file:
        file.write("\n".join([TITLE, "```", *about, "```", "", lines, ""]))
    print(lines)


if __name__ == "__main__":
    main()
