"""How many samples were in the batches of a pass, if not every tensor has a row for each?"""

import weakref
from collections import Counter
from typing import Any

from ..calls import Call


class Tally:
    """Counts the rows of each tensor over all batches; which of them are the samples is decided at the end.

    Where tensors of a batch have different lengths, one that is the same object in every batch (an adjacency, a table)
    counts no samples. Of what is left, the length that most tensors have does.
    """

    def __init__(self) -> None:
        self._alike = 0
        self._is_even = True
        self._totals: Counter[str] = Counter()
        self._changing: set[str] = set()
        self._last: dict[str, weakref.ref[Any]] = {}

    def add(self, batch: Call) -> None:
        """Count a batch as the loader gave it."""
        self._alike += batch.samples
        self._is_even &= batch.is_even or batch.is_listed
        leaves = dict(batch.leaves.found)
        for path, length in batch.rows.items():
            self._totals[path] += length
            last = self._last.get(path)
            if last is not None and last() is not leaves[path]:
                self._changing.add(path)
            self._last[path] = weakref.ref(leaves[path])

    @property
    def samples(self) -> int:
        """How many there were."""
        if self._is_even:
            return self._alike
        found = [self._totals[path] for path in self._totals if path in self._changing] or [*self._totals.values()]
        return Counter(found).most_common(1)[0][0]
