"""How long does one way of reading a folder of photographs take for its first epochs, and how much memory?

A process for one measurement of `image_reading.py`: it prints a JSON object.
"""

import argparse
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import peers
import torch
from torch.utils.data import DataLoader

from batchnorm.allocator import tune_allocator
from batchnorm.data import Augmentation, Batches, Normalization, Split
from batchnorm.data.store import cached_images, stored

SIZE, BATCH = 224, 64
SMALLEST = 0.08
"""The smallest share of a photograph that a crop shows, as torchvision's `RandomResizedCrop` has it."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PAUSE = 0.05
Epoch = Iterator[tuple[torch.Tensor, torch.Tensor]]


class Ours:
    """This library's: decoded images that are kept, or, with a bound of 0, decoded anew each time."""

    def __init__(self, folder: Path, workers: int, bound: int) -> None:
        files = sorted(folder.rglob("*.jpg"))
        found = stored(files, 3, SIZE, cache_size=bound, workers=workers)
        names = sorted({path.parent.name for path in files})
        labels = torch.tensor([names.index(path.parent.name) for path in files])
        augmentation = Augmentation(flip=True, shift=0, crop=SMALLEST)
        normalization = Normalization(MEAN, STD)
        split = Split(found.images, labels)
        self.batches = Batches(split, BATCH, normalization, augmentation=augmentation, shuffle=True)

    def epoch(self, number: int) -> Epoch:
        """Give the batches of an epoch, as floats."""
        return self.batches.epoch(seed=0, epoch=number)


class Torchvision:
    """Its `ImageFolder`, with the transforms of its own recipe, read by torch's `DataLoader`."""

    def __init__(self, folder: Path, workers: int, *, floats: bool) -> None:
        datasets, transforms = _torchvision()
        varied = [transforms.RandomResizedCrop(SIZE, scale=(SMALLEST, 1.0)), transforms.RandomHorizontalFlip()]
        scaled = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)] if floats else [transforms.PILToTensor()]
        dataset = datasets.ImageFolder(str(folder), transforms.Compose(varied + scaled))
        # Workers that stay are its fastest way: they are started once.
        self.loader = DataLoader(
            dataset, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0, drop_last=False
        )

    def epoch(self, number: int) -> Epoch:
        """Give the batches of an epoch."""
        torch.manual_seed(number)
        return iter(self.loader)


def _torchvision() -> list[ModuleType]:
    return [peers.load(f"torchvision.{name}") for name in ("datasets", "transforms")]


def main() -> None:
    """Measure, and print the object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("ours", "torchvision", "torchvision-bytes"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--bound", type=int, default=10**10, help="bytes that all decoded images may take; 0: none kept"
    )
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="look at the memory, too, which takes time")
    given = parser.parse_args()
    if given.way != "ours":
        _torchvision()  # what an import takes is not what is measured
    with _memory(look=given.memory) as peak:
        begin = time.perf_counter()
        if given.way == "ours":
            reader = Ours(given.folder, given.workers, given.bound)
        else:
            reader = Torchvision(given.folder, given.workers, floats=given.way == "torchvision")
        tune_allocator()  # as a training does before its first step, for all ways alike
        images, ends = 0, [begin]
        for number in range(given.epochs):
            images = sum(len(labels) for _, labels in reader.epoch(number))
            ends.append(time.perf_counter())
    seconds = [end - start for start, end in pairwise(ends)]
    kept = sum(entry.bytes for entry in cached_images())
    print(json.dumps({"seconds": seconds, "images": images, "memory": peak[0], "before": peak[1], "kept": kept}))


@contextmanager
def _memory(*, look: bool) -> Iterator[list[int]]:
    """Give the most memory that this process and its children have taken together, and what they took before."""
    peak = [0, _taken()]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(PAUSE):
            peak[0] = max(peak[0], _taken())

    thread = threading.Thread(target=watch)
    if look:
        thread.start()
    try:
        yield peak
    finally:
        done.set()
        if look:
            thread.join()


def _taken() -> int:
    """Return the bytes of all processes, where each counts its part of what they share."""
    pids = ["self", *(str(child.pid) for child in multiprocessing.active_children())]
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


if __name__ == "__main__":
    main()
