"""What does a converted checkpoint remember of what it was?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..files import read_json
from ._checkpoint_norms import COUNTER, WEIGHTS, norms_in

CONVERTED = "converted"
"""The entry of the metadata that says it."""


def undoing(to: str, prefix: str, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, Any]:
    """What it takes to know what a file was; a number of batches is kept, other tensors that are gone are named."""
    gone = {name: tensor for name, tensor in before.items() if name not in after}
    counters = {name: tensor for name, tensor in gone.items() if _is_counter(name, tensor)}
    return {
        "to": to,
        "prefix": prefix,
        "added": [name for name in after if name not in before],
        "counters": {name: int(tensor) for name, tensor in counters.items()},
        "lost": [name for name in gone if name not in counters],
    }


def _is_counter(name: str, tensor: Tensor) -> bool:
    return name.rpartition(".")[2] == COUNTER and tensor.dtype == torch.int64 and not tensor.dim()


def known_of(text: str, tensors: Mapping[str, Tensor]) -> tuple[str, frozenset[str], dict[str, int], list[str]]:
    """Read what `undoing` wrote, and believe none of it."""
    known = read_json(text)
    if not isinstance(known, dict):
        raise ValueError("expected an object")
    prefix, added, counters, lost = (known[name] for name in ("prefix", "added", "counters", "lost"))
    if not isinstance(prefix, str) or not isinstance(counters, dict):
        raise ValueError("expected a word, and an object of numbers")
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in (added, lost)):
        raise ValueError("expected lists of names")
    norms = norms_in(tensors)
    if not all(name in tensors and _is_of(norms, name, *WEIGHTS, COUNTER) for name in added):
        raise ValueError("expected names of tensors that were added to its batch norms")
    # Where statistics are lost, too, nothing is written anyway.
    if not lost and not all(name not in tensors and _is_of(norms, name, COUNTER) for name in counters):
        raise ValueError("expected names of counters that its batch norms had")
    if not all(type(count) is int and abs(count) < 2**63 for count in counters.values()):
        raise ValueError("expected whole numbers of batches")
    return prefix, frozenset(added), counters, lost


def _is_of(norms: Mapping[str, object], name: str, *last: str) -> bool:
    path, _, own = name.rpartition(".")
    return path in norms and own in last


def tensors_before(
    tensors: Mapping[str, Tensor], prefix: str, added: frozenset[str], counters: Mapping[str, int]
) -> dict[str, Tensor]:
    """The tensors of before, in their order: a norm's number of batches is the last of it."""
    before, beside = dict[str, Tensor](), {_variance_beside(counter): counter for counter in counters}
    for name, tensor in tensors.items():
        if name not in added:
            before[prefix + name] = tensor
        if name in beside:
            before[prefix + beside[name]] = torch.tensor(counters[beside[name]])
    return before


def _variance_beside(counter: str) -> str:
    return f"{counter.removesuffix(COUNTER)}running_var"
