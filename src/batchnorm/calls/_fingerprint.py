"""Which samples were seen, as one number that asks neither for their order nor for how they were cut into batches?"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._call import Call

Array = NDArray[np.integer[Any]]
MODULUS = 1 << 64
WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Whole numbers by their size in bytes."""
LARGE = 1 << 22
"""Bytes of a batch from which on several threads share it: a smaller one is hashed before they have started."""
UNLOCKED = 1 << 11
"""Bytes of a sample from which on hashlib lets go of Python's lock."""


def fingerprint_of(batch: Call) -> int:
    """The sum, modulo 2**64, of a hash of each sample's bytes, over everything that is in a batch.

    Tensors and arrays of one length are hashed together, row by row; those of another length, which have no row for
    each sample, for themselves. What has no rows at all (words, numbers) counts as one more sample.
    """
    lengths: dict[int, list[Tensor]] = {}
    words = []
    for path, leaf in batch.leaves.found:
        if path in batch.rows:
            tensor = leaf if isinstance(leaf, Tensor) else _as_tensor(leaf)
            if tensor is not None:
                lengths.setdefault(batch.rows[path], []).append(_strided(tensor))
        elif isinstance(leaf, str | bytes | int | float | complex):
            words.append(f"{path}={leaf!r}")
    total = sum(fingerprint(tensors, length) for length, tensors in lengths.items())
    if words and not lengths:
        total += int.from_bytes(hashlib.sha256("\n".join(words).encode(errors="replace")).digest()[:8], "little")
    return total % MODULUS


def _as_tensor(array: Any) -> Tensor | None:
    try:
        return torch.from_numpy(np.ascontiguousarray(array))
    except TypeError:  # words, dates
        return None


def _strided(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def fingerprint(tensors: Sequence[Tensor], samples: int) -> int:
    """The sum, modulo 2**64, of a hash of each sample's bytes.

    A sample's bytes are those of its row in every tensor that has as many rows as there are samples. The hash is
    SHA-256, cut to 8 bytes, which many processors have instructions for.
    """
    given = [tensor for tensor in tensors if tensor.dim() and len(tensor) == samples and _has_bytes(tensor)]
    if not given:
        return 0
    held = [_as_array(tensor) for tensor in given]
    size = sum(array.nbytes for array in held)
    threads = min(samples, torch.get_num_threads()) if size >= LARGE and size >= UNLOCKED * samples else 1
    if threads == 1:
        return _sum(held) % MODULUS
    with ThreadPoolExecutor(threads) as pool:  # copying and hashing both do without Python's lock
        parts = zip(*(np.array_split(array, threads) for array in held), strict=True)
        return sum(pool.map(_sum, parts)) % MODULUS


def _has_bytes(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized


def _as_array(tensor: Tensor) -> Array:
    """The same memory for NumPy, which does not know all dtypes: as whole numbers of their size."""
    there = tensor.detach().cpu().resolve_conj().resolve_neg()
    there = torch.view_as_real(there) if there.is_complex() else there
    array: Array = there.view(WHOLE[there.dtype.itemsize]).numpy()
    return array


def _sum(arrays: Sequence[Array]) -> int:
    total = 0
    for rows in zip(*map(_rows, arrays), strict=True):
        digest = hashlib.sha256(rows[0])
        for row in rows[1:]:
            digest.update(row)
        total += int.from_bytes(digest.digest()[:8], "little")
    return total


def _rows(array: Array) -> Sequence[Any]:
    """What can be hashed, for each sample."""
    if not array.size:
        return [b""] * len(array)
    return [*np.ascontiguousarray(array).reshape(len(array), -1)]
