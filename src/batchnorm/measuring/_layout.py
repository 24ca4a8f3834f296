"""Where in one long vector are the channels of each norm?

All norms' moments lie in one vector, so that a batch costs one merge, and not one per norm.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from ..norms import Norm


class Layout:
    """The channels of all norms, one norm after the other."""

    def __init__(self, norms: Sequence[Norm]) -> None:
        self.sizes = [len(norm.mean) for norm in norms]
        ends = [*accumulate(self.sizes)]
        self.channels = ends[-1] if ends else 0
        self.slices = [slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True)]

    def per_channel(self, values: Sequence[float]) -> Tensor:
        """One number per norm, repeated for each of its channels."""
        return torch.tensor(values, dtype=torch.float64).repeat_interleave(torch.tensor(self.sizes))

    def all_of(self, truth: Tensor) -> list[bool]:
        """For each norm whether it is true of all its channels."""
        return [bool(truth[part].all()) for part in self.slices]

    def largest(self, values: Tensor) -> list[float]:
        """For each norm the largest number among its channels; NaN where one is NaN."""
        return [float(values[part].max()) for part in self.slices]

    def first(self, values: Tensor) -> list[float]:
        """For each norm the number of its first channel, where all of its channels have the same."""
        return [float(values[part.start]) for part in self.slices]
