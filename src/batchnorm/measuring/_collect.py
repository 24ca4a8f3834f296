"""What were the moments of each norm's input, over all batches of a pass?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..functional import Moments
from ._layout import Layout

PARTS = 7
"""The vectors, one number per channel each, that a collector comes to."""


class Collector:
    """Merges the moments of calls into those of a batch, and those of batches into those of the pass.

    All in float64, and for all norms at once: an operation on few numbers takes its time between two convolutions that
    have emptied the processor's caches, and so a batch costs a few of them, however many norms there are.

    `mean`, `var` and `count` have two rows: the inputs' own; and the spread, the batches' means alone, each with the
    square of its count as weight, which is what the standard error is made of. `batch`: the means and the variances of
    the last batch.
    """

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self._layout, self._device = layout, device
        self.mean, self.var, self.count = self._zeros(2), self._zeros(2), self._zeros(2)
        self.batches = self._zeros(1)
        self.batch = self._zeros(2)
        self._zero = self._zeros(1)[0]
        self._nothing = Moments(self._zero, self._zero, 0)
        self._counted: list[int] = []
        self.begin()

    def begin(self) -> None:
        """Begin a batch."""
        self._calls: dict[int, Moments] = {}

    def add(self, norm: int, moments: Moments) -> None:
        """Take the moments of one call of a norm; those of several calls in a batch are pooled."""
        before = self._calls.get(norm)
        self._calls[norm] = before.merge(moments) if before else moments

    def end(self) -> None:
        """Merge the batch into the pass."""
        calls = [self._calls.get(norm, self._nothing) for norm in range(len(self._layout.sizes))]
        self._count([int(call.count) for call in calls])
        parts = [*self._in_place([call.mean for call in calls]), *self._in_place([call.var for call in calls])]
        found = torch.cat([*parts, self._zero]).view(3, -1)
        self.batch = found[:2]
        self._merge(found[0], found[1:])
        self.batches += self._seen

    def vector(self) -> Tensor:
        """All that was collected, on the CPU: `PARTS` vectors, one after the other."""
        return torch.cat([part.flatten().cpu() for part in (self.mean, self.var, self.count, self.batches)])

    def _in_place(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The numbers of each norm on one device, and zeros for the norms without."""
        return [
            self._zero[part] if value is self._zero else value.to(self._device)
            for value, part in zip(values, self._layout.slices, strict=True)
        ]

    def _count(self, counted: list[int]) -> None:
        """Take the values per channel of a batch, a number for each norm; most batches have those of the last."""
        if counted != self._counted:
            self._counted = counted
            count = self._layout.per_channel(counted).to(self._device)
            self._weights = torch.stack([count, count.square()])
            self._seen = (count > 0).to(torch.float64)

    def _merge(self, mean: Tensor, var: Tensor) -> None:
        """`Moments.merge`, in place and by a third of its operations: here what has count 0 is finite."""
        self.count += self._weights
        share = self._weights / self.count.clamp(min=1)
        delta = mean - self.mean
        self.mean.addcmul_(delta, share)
        self.var.lerp_(var, share).addcmul_(delta.square_(), torch.addcmul(share, share, share, value=-1))

    def _zeros(self, rows: int) -> Tensor:
        return torch.zeros(rows, self._layout.channels, dtype=torch.float64, device=self._device)
