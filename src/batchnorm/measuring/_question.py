"""What is a pass to find out?"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Words


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the norms in one pass; they are meant by their places.

    Attributes:
        measured: the norms whose inputs are read; the others only count as called.
        checked: those whose input must be finite.
        by_batch: let each that is read normalize by the batch: the mean and the biased variance are written into its
            buffers before it reads them.
        refuse_single: what to do instead of giving it a batch with one value per channel, and so no variance; `None`:
            let it take what its buffers hold.
        stop: the call, counted within a forward, behind which it is left, as long as the norms were called in the
            order `expected`.
        expected: the norms' calls in a forward.
    """

    measured: Sequence[int]
    checked: Sequence[int] = ()
    by_batch: bool = False
    refuse_single: Words | None = None
    stop: int | None = None
    expected: tuple[int, ...] = ()
