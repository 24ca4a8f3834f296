"""Which processes train together, and how do all of them stop?"""

from collections.abc import Iterator
from contextlib import contextmanager

from ..ranks import Ranks, processes
from ..runs import StopRequest, listen_for_stop


@contextmanager
def training_together() -> Iterator[tuple[Ranks, StopRequest]]:
    """Give the processes that train together, and the wish to stop, of which all are to know before one of them stops.

    Raises:
        InputError: the environment names a group by halves.
        RankError: another process failed, or cannot be reached.
    """
    with listen_for_stop() as stop, processes() as ranks:
        stop.alone = ranks.size == 1
        yield ranks, stop
