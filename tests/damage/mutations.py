"""What happens to a file: bits that turn, pieces that are lost, doubled or exchanged, and values of another kind."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import torch

Strange = tuple[Callable[[], object], ...]


def nested(levels: int = 10_000) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


def endless() -> list[object]:
    """A list of 2**40 entries, of which 40 are in memory."""
    value: list[object] = [0]
    for _ in range(40):
        value = [value, value]
    return value


FLAT: Strange = (
    *(lambda word=word: word for word in ("seven", "", "\x00\x1b[2J", "9" * 5000)),
    *(lambda number=number: number for number in (None, True, -1, 0, 10**5, 2**31, 2**63, -(2**63), 10**400)),
    *(lambda number=number: number for number in (0.5, -0.5, 1e308, 1e-320, float("inf"), float("-inf"), float("nan"))),
    *(list, dict, lambda: [1, "a", None], lambda: {"a": {"b": [0]}}, lambda: ["x"] * 1000),
)
PLAIN: Strange = (*FLAT, nested)
"""Values as JSON and TOML may hold them; 10,000 levels deep, too."""

TENSORS: Strange = (
    *(lambda: torch.zeros(3), lambda: torch.zeros(()), lambda: torch.zeros(0), lambda: torch.zeros(1).expand(10**9)),
    *(lambda dtype=dtype: torch.zeros(2, 3, dtype=dtype) for dtype in (torch.int32, torch.bool, torch.complex64)),
    *(lambda: torch.full((4,), float("inf")), lambda: torch.nn.Parameter(torch.zeros(2))),
    *(lambda: torch.eye(3).to_sparse(), lambda: torch.eye(3).to_sparse_csr(), lambda: torch.zeros(9, device="meta")),
    *(lambda: (1, 2), lambda: b"bytes", lambda: {3: 4}, endless),
)
"""Further values as a pickle of torch's may hold them."""


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    """The content of a file with some damage of one kind."""
    place, other = rng.randrange(len(content)), rng.randrange(len(content))
    length = rng.choice((1, 2, 8, 64, 512))
    before, behind = content[:place], content[place + length :]
    match rng.randrange(8):
        case 0 | 1:  # the damage that is met most
            return before + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
        case 2:
            return before
        case 3:
            return before + rng.randbytes(length) + content[place:]
        case 4:
            return before + behind
        case 5:
            return before + rng.randbytes(length) + behind
        case 6:
            return before + content[other : other + length] + behind
        case _:
            return before + rng.choice((b"\xff", b"\x00")) * length + behind


def damaged_value(value: Any, rng: random.Random, strange: Strange = PLAIN) -> Any:
    """A copy of nested dicts and lists in which one entry is lost, new, exchanged with another, or of another kind."""
    value = copy.deepcopy(value)
    places = [*_places(value)]
    (holder, key), (other, its) = rng.choice(places), rng.choice(places)
    match rng.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("more", "__class__", "step", "VERSION"))] = rng.choice(strange)()
        case 2:
            holder[key], other[its] = copy.deepcopy(other[its]), copy.deepcopy(holder[key])
        case _:
            holder[key] = rng.choice(strange)()
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every entry of nested dicts and lists, as the one that holds it and its key there."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield value, key
        yield from _places(inner)
