"""Which of several processes is this one, by what torchrun and its like have written into the environment?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError

NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torch needs to join; only torchrun adds LOCAL_RANK and LOCAL_WORLD_SIZE."""
ANEW = "Start all processes by torchrun, or remove RANK and WORLD_SIZE from the environment to have one alone."


@dataclass(frozen=True)
class Place:
    """The place of this process among those that were started together: its number, theirs, both on this machine."""

    rank: int
    size: int
    local_rank: int = 0
    local_size: int = 1


def place_in(environment: Mapping[str, str] = os.environ) -> Place | None:
    """Return the place of this process, `None` where nobody has started several.

    Raises:
        InputError: the environment names some of it, or what cannot be.

    Example:
        >>> place_in({"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"})
        Place(rank=1, size=4, local_rank=0, local_size=1)
        >>> place_in({"PATH": "/bin"}) is None
        True
    """
    if not environment.get("RANK") and not environment.get("WORLD_SIZE"):
        return None
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        given = ", ".join(f"{name}={environment[name]}" for name in NEEDED if environment.get(name))
        raise InputError(
            f"the environment names a group of processes by halves; expected {', '.join(NEEDED)}",
            got=f"only {given}",
            cure=ANEW,
        )
    size = _number(environment, "WORLD_SIZE", 1, 1 << 20)
    local_size = _number(environment, "LOCAL_WORLD_SIZE", 1, size, otherwise=1)
    _number(environment, "MASTER_PORT", 1, 65535)
    return Place(
        rank=_number(environment, "RANK", 0, size - 1),
        size=size,
        local_rank=_number(environment, "LOCAL_RANK", 0, local_size - 1, otherwise=0),
        local_size=local_size,
    )


def _number(environment: Mapping[str, str], name: str, least: int, most: int, otherwise: int | None = None) -> int:
    text = environment.get(name, "")
    if not text and otherwise is not None:
        return otherwise
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    raise InputError(f"the environment says {name}={text!r}", expected=f"an integer from {least} to {most}", cure=ANEW)
