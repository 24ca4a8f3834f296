"""Which batches does a loader give in one pass, how many samples are in them, and how does a pass begin?"""

from collections.abc import Iterable, Iterator, Sized
from itertools import chain
from typing import Any

import torch

from ..calls import Call, Reader
from ..errors import InputError
from ..transaction import RNGState, generators_of, rng_state, same_rng


class Batches:
    """A loader, read as often as it is asked for, up to `max_samples` each time.

    Args:
        loader: gives batches.
        reader: says how the model is called with one.
        max_samples: of each pass.
        device: where the model wants them.
    """

    def __init__(self, loader: Iterable[Any], reader: Reader, max_samples: int | None, device: torch.device) -> None:
        self.device = device
        self._loader, self._reader, self._max_samples = loader, reader, max_samples
        self._begun: tuple[list[Call], Iterator[Any], RNGState] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the model is called with the batches as they are, by nobody's own `forward_fn`."""
        return self._reader.forward_fn is None

    @property
    def verb(self) -> str:
        """For whom it is read."""
        return self._reader.verb

    def begin(self, rng: RNGState) -> Call | None:
        """Begin the first pass from a random state, and return its first batch; None if there is none.

        The pass that is read next goes on from here, so that a loader that can be read once is read once.
        """
        with same_rng(rng):
            raw = iter(self._loader)
            read = []
            for one in raw:
                read.append(self._reader.batch(one))
                if read[-1].samples:
                    break
            self._begun = read, raw, rng_state([self.device], self.generators)
        return read[-1] if read and read[-1].samples else None

    def __iter__(self) -> Iterator[Call]:
        left = self._max_samples
        for batch in self._read():
            if left is not None:
                batch = self._cut(batch, left)  # noqa: PLW2901  # the batch, or what is wanted of it
                left -= batch.samples
            if batch.samples:
                yield batch
            if left is not None and left <= 0:
                return

    @property
    def total(self) -> int | None:
        """How many batches come, where that can be known beforehand."""
        if self._max_samples is not None or not isinstance(self._loader, Sized):
            return None
        try:
            return len(self._loader)
        except (TypeError, NotImplementedError):  # a DataLoader over a data set that streams
            return None

    @property
    def generators(self) -> list[torch.Generator]:
        """The generators by which a loader draws, where it has its own."""
        return generators_of(self._loader)

    def _read(self) -> Iterator[Call]:
        if self._begun is None:
            return map(self._reader.batch, self._loader)
        (read, raw, rng), self._begun = self._begun, None
        rng.put_back()
        return chain(read, map(self._reader.batch, raw))

    def _cut(self, batch: Call, left: int) -> Call:
        if batch.samples > left and batch.forward_fn is None and not batch.is_even:
            lengths = ", ".join(f"{length} in {path}" for path, length in [*batch.rows.items()][:4])
            raise InputError(
                argument="max_samples",
                expected="batches whose tensors have one row for each sample",
                got=f"tensors of {lengths}, which cannot be cut",
                cure="Use a loader with fewer samples instead.",
            )
        return batch.cut(left)
