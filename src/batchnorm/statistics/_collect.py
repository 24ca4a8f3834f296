"""What were the moments of each norm's input, over all batches of a pass?"""

import torch
from torch import Tensor

from ..functional import Moments
from ._layout import Layout

PARTS = 7
"""The vectors, one number per channel each, that a collector comes to."""


class Collector:
    """Merges the moments of calls into those of a batch, and those of batches into those of the pass.

    All in float64 and for all norms at once. `spread` holds the batches' means alone, each with the square of its
    count as weight: what the standard error is made of.
    """

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self._layout = layout
        self._device = device
        self.total = self._nothing()
        self.spread = self._nothing()
        self.batches = self._zeros()
        self.begin()

    def begin(self) -> None:
        """Begin a batch."""
        self.mean, self.var, self.count = self._zeros(), self._zeros(), self._zeros()
        self._called: set[int] = set()

    def add(self, norm: int, moments: Moments) -> None:
        """Take the moments of one call of a norm; those of several calls in a batch are pooled."""
        part = self._layout.slices[norm]
        if norm in self._called:
            before = Moments(self.mean[part], self.var[part], int(self.count[part.start]))
            moments = before.merge(Moments(moments.mean.to(self._device), moments.var.to(self._device), moments.count))
        self._called.add(norm)
        self.mean[part] = moments.mean
        self.var[part] = moments.var
        self.count[part] = moments.count

    def end(self) -> None:
        """Merge the batch into the pass."""
        self.total = self.total.merge(Moments(self.mean, self.var, self.count))
        self.spread = self.spread.merge(Moments(self.mean, torch.zeros_like(self.mean), self.count.square()))
        self.batches += self.count > 0

    def vector(self) -> Tensor:
        """All that was collected, on the CPU: `PARTS` vectors, one after the other."""
        parts = (*self.total, *self.spread, self.batches)
        return torch.cat([part.cpu() for part in parts if isinstance(part, Tensor)])

    def _zeros(self) -> Tensor:
        return torch.zeros(self._layout.channels, dtype=torch.float64, device=self._device)

    def _nothing(self) -> Moments:
        return Moments(self._zeros(), self._zeros(), self._zeros())
