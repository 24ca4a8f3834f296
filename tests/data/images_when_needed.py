"""Images that are read when they are needed, written anew after the words of `data.Images`: an oracle of tests."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue

import numpy as np
import torch

from batchnorm.data import Crops, central_box, view

AHEAD = 3


@dataclass
class Photographs:
    """Arrays (h, w, C) of any sizes, each seen at one size, in batches that a thread reads ahead."""

    arrays: list[np.ndarray]
    size: tuple[int, int]
    running: list[threading.Thread] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.arrays), self.arrays[0].shape[2], *self.size

    def read(self, index: torch.Tensor, crops: Crops | None = None) -> torch.Tensor:
        images = torch.empty(len(index), *self.shape[1:], dtype=torch.uint8)
        for row, place in enumerate(index.tolist()):
            sizes = *self.arrays[place].shape[:2], self.size
            box = central_box(*sizes) if crops is None else crops.box(row, *sizes)
            images[row] = view(self.arrays[place], box, self.size)
        return images

    def ahead(self, wanted: Iterable[tuple[torch.Tensor, Crops | None]]) -> Iterator[torch.Tensor]:
        ready, closed = Queue(AHEAD), threading.Event()

        def work() -> None:
            for index, crops in wanted:
                images = self.read(index, crops)
                while not closed.is_set():
                    with suppress(Full):
                        ready.put(images, timeout=0.01)
                        break

        thread = threading.Thread(target=work)
        self.running.append(thread)
        thread.start()
        try:
            while thread.is_alive() or not ready.empty():
                with suppress(Empty):
                    yield ready.get(timeout=0.01)
        finally:
            closed.set()
            thread.join()
            self.running.remove(thread)

    def subset(self, index: torch.Tensor) -> "Photographs":
        places = torch.arange(len(self.arrays))[index].tolist()
        return Photographs([self.arrays[place] for place in places], self.size, self.running)

    def counts(self) -> torch.Tensor:
        shown = self.read(torch.arange(len(self.arrays))).numpy()
        return torch.from_numpy(np.stack([np.bincount(c.ravel(), minlength=256) for c in shown.swapaxes(0, 1)]))

    def fingerprint(self) -> bytes:
        return b"".join(array.tobytes() for array in self.arrays)


def photographs(count: int, *, size: tuple[int, int] = (12, 16), channels: int = 3, seed: int = 0) -> Photographs:
    """Smooth pictures of random sizes, at least as large as `size`."""
    random = np.random.default_rng(seed)
    arrays = []
    for _ in range(count):
        height, width = (int(side + random.integers(0, 12)) for side in size)
        waves = random.uniform(0, 0.6, (2, channels))
        rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        phases = rows[..., None] * waves[0] + columns[..., None] * waves[1] + random.uniform(0, 6, channels)
        arrays.append(np.rint(127.5 + 127 * np.sin(phases)).astype(np.uint8))
    return Photographs(arrays, size)
