"""Which samples of a batch does each of several processes get?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError


@dataclass(frozen=True)
class Share:
    """The part of one process in whatever several have in common: each sample is one process's, in the order of ranks.

    Of n samples a process gets n // size next to each other, and the first n % size processes get one more.

    Args:
        rank: the number of the process, from 0.
        size: how many processes there are.

    Raises:
        ValueError: there is no such rank.

    Example:
        >>> [list(range(7))[Share(rank, 3).of(7)] for rank in range(3)]
        [[0, 1, 2], [3, 4], [5, 6]]
        >>> Share(2, 3).count(2)
        0
    """

    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        """Refuse a process that there is not."""
        if not 0 <= self.rank < self.size:
            raise InputError(argument="rank", expected=f"an integer from 0 to {self.size - 1}", got=str(self.rank))

    def of(self, count: int) -> slice:
        """Return which of `count` samples this process gets."""
        whole, rest = divmod(count, self.size)
        start = self.rank * whole + min(self.rank, rest)
        return slice(start, start + whole + (self.rank < rest))

    def count(self, count: int) -> int:
        """Return how many of `count` samples this process gets."""
        return len(range(count)[self.of(count)])

    def rows(self, sizes: list[int]) -> Tensor:
        """Return which rows of batches of these sizes, one behind the other, are in this process's part of each.

        Example:
            >>> Share(1, 2).rows([4, 3])
            tensor([2, 3, 6])
        """
        batches = torch.split(torch.arange(sum(sizes)), sizes)
        return torch.cat([batch[self.of(len(batch))] for batch in batches])


@dataclass(frozen=True)
class Part:
    """Images that are these rows of a batch of `count`: what is drawn for them is drawn for the whole batch."""

    rows: Tensor
    count: int
