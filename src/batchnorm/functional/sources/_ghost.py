"""Ghost batch norm: a large batch normalized as several small ones."""

from dataclasses import dataclass

from ._checks import checked_integer
from ._source import Source


@dataclass(frozen=True)
class Ghost(Source):
    """In training every slice of `size` samples is normalized by its own moments; in evaluation as batch norm.

        y = concatenated(batch_norm(part) for part in x.split(size))

    A last slice in which a channel has one value joins the one before it: 9 samples (N, C) by 4 are 4 and 5. A batch of
    `size` samples or fewer is one slice. What the running statistics see are the moments of the whole batch, as the
    slices' merge to (`Moments.merge`).

    Args:
        size: the number of samples in a slice, at least 1.

    Raises:
        TypeError: `size` is no integer.
        ValueError: it is below 1.

    Example:
        >>> import torch
        >>> from batchnorm.functional import batch_norm
        >>> x = torch.tensor([[0.0], [2.0], [10.0], [12.0]])
        >>> batch_norm(x, None, None, training=True, moments=Ghost(2)).flatten()
        tensor([-1.0000,  1.0000, -1.0000,  1.0000])
        >>> str(Ghost(32))
        'ghost:32'

    Source: Hoffer, Hubara and Soudry, "Train longer, generalize better", 2017, section 4 and algorithm 1.
    """

    size: int

    name = "ghost"

    def __post_init__(self) -> None:
        expected = "the number of samples in a slice, an integer of at least 1"
        size = checked_integer("Ghost", "size", self.size, 1, expected, "The usual value is 32.")
        object.__setattr__(self, "size", size)

    def sizes(self, count: int, inner: int) -> tuple[int, ...]:
        """The slices of a batch.

        Example:
            >>> Ghost(4).sizes(9, 1), Ghost(4).sizes(9, 49), Ghost(4).sizes(3, 1)
            ((4, 5), (4, 4, 1), (3,))
        """
        found = [self.size] * (count // self.size)
        rest = count % self.size
        if rest:
            found.append(rest)
        if len(found) > 1 and found[-1] * inner == 1:
            last = found.pop()
            found[-1] += last
        return tuple(found) or (count,)
