"""Which samples were seen, as one number that asks neither for their order nor for how they were cut into batches?"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MODULUS = 1 << 64
PIECE = 1 << 19
"""Bytes that are hashed at a time: they stay in the processor's cache, and no batch is copied as a whole."""

INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

Words = npt.NDArray[np.uint64]


class Fingerprint:
    """The sum, modulo 2**64, of a hash of each sample's bytes.

        h = 0;  for each tensor:  h = mix(h + width + sum(key_i * word_i + other_key_i * (word_i >> 32))),  modulo 2**64

    A sample's words are those of its row in every tensor that has as many rows as there are samples, padded by zeros to
    8 bytes. The sum is Carter and Wegman's for words of 4 bytes, two at a time; `mix` is the last step of SplitMix64,
    which gives the keys, too; without it the sum over the samples would not know which words belong together. It tells
    data apart, and is no protection against forgery. SHA-256 takes three times as long, which is some per cent of a
    forward of two convolutions.

    Source: Carter and Wegman, "New hash functions and their use in authentication and set equality", 1981; Steele,
    Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    """

    def __init__(self) -> None:
        self.total = 0

    def add(self, tensors: Sequence[Tensor], samples: int) -> None:
        """Take the samples of a batch."""
        rows = [tensor for tensor in tensors if tensor.dim() and len(tensor) == samples and _has_bytes(tensor)]
        found = np.zeros(samples if rows else 0, np.uint64)
        for tensor in rows if samples else ():
            width = tensor.nbytes // samples
            found = _mixed(found + np.uint64(width) + np.concatenate([*map(_sums, _pieces(tensor, width))]))
        self.total = (self.total + int(found.sum())) % MODULUS


def _pieces(tensor: Tensor, width: int) -> Iterator[Words]:
    """The words of a few samples at a time, a row for each sample."""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    array = plain.view(INTEGERS.get(plain.itemsize, plain.dtype)).numpy()  # which knows no bfloat16
    at_once = max(1, PIECE // max(1, width))
    for start in range(0, len(array), at_once):
        piece = np.ascontiguousarray(array[start : start + at_once])
        found = piece.reshape(-1).view(np.uint8).reshape(len(piece), width)
        yield (np.pad(found, ((0, 0), (0, -width % 8))) if width % 8 else found).view(np.uint64)


def _sums(words: Words) -> Words:
    keys, others = _keys(words.shape[1])
    low: Words = np.einsum("ij,j->i", words, keys)
    high: Words = np.einsum("ij,j->i", words >> np.uint64(32), others)
    return low + high


def _has_bytes(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized


@lru_cache(maxsize=4)  # as many kinds of tensors as a batch may have
def _keys(words: int) -> Words:
    """Two for each word."""
    return _mixed(np.arange(1, 2 * words + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).reshape(2, words)


def _mixed(x: Words) -> Words:
    """A one-to-one map in which each bit depends on all."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
