"""Do all processes hold the same, bit for bit?"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ._ranks import Ranks


def all_hold(ranks: Ranks, data: bytes) -> bool:
    """Whether every process holds these very bytes; compared by their SHA-256.

    Raises:
        RankError: another process failed, or cannot be reached.

    Example:
        >>> all_hold(Ranks(None, torch.device("cpu"), "compare"), b"one process agrees with itself")
        True
    """
    digest = [*hashlib.sha256(data).digest()]
    return all_equal(ranks.gather(torch.tensor(digest, dtype=torch.float64)))


def all_equal(vectors: Sequence[Tensor]) -> bool:
    """Whether vectors of float64 hold the same bits, so that NaN equals NaN.

    Example:
        >>> nothing = torch.tensor([torch.nan], dtype=torch.float64)
        >>> all_equal([nothing, nothing.clone()]), all_equal([nothing, nothing + 1, nothing.zero_()])
        (True, False)
    """
    first = vectors[0].view(torch.int64)
    return all(torch.equal(one.view(torch.int64), first) for one in vectors[1:])
