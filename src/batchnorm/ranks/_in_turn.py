"""How does one process of each machine go ahead, where several at once would be in each other's way?"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ._ranks import Ranks


@contextmanager
def one_per_machine_first(ranks: Ranks) -> Iterator[None]:
    """Let one process of each machine run the block, and the others when these are done.

    For whatever may fetch or unpack files, and find them there the second time.

    Raises:
        RankError: another process failed, or cannot be reached.

    Example:
        >>> import torch
        >>> with one_per_machine_first(Ranks(None, torch.device("cpu"), "load")):
        ...     pass
    """
    # Where nothing tells the machines apart, the first process goes ahead of all.
    ahead = not int(os.environ.get("LOCAL_RANK") or ranks.rank)
    if not ahead:
        ranks.any(False)
    with ranks.telling():
        yield
    ranks.any(False)  # each waits for all, so that whoever fails here is waited for
    if ahead:
        ranks.any(False)
