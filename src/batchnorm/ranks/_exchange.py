"""What has every process to say, where it is more than numbers?"""

import json
from dataclasses import asdict
from typing import Any

import torch

from ._ranks import Ranks


def exchange(ranks: Ranks, mine: Any) -> list[Any]:
    """Every process's value, in the order of ranks, as JSON gives it back: a tuple as a list, a dataclass as a dict.

    Args:
        ranks: all of them, of which each calls this.
        mine: numbers, text, lists, dicts and dataclasses of such.

    Raises:
        RankError: another process failed, or cannot be reached.

    Example:
        >>> exchange(Ranks(None, torch.device("cpu"), "count"), {"samples": 3, "calls": (0, 1)})
        [{'samples': 3, 'calls': [0, 1]}]
    """
    text = json.dumps(mine, default=asdict).encode()
    vectors = ranks.gather(torch.tensor([*text], dtype=torch.float64))
    return [json.loads(bytes(int(value) for value in vector.tolist())) for vector in vectors]
