"""Data sets in files, made here: small, with every pixel known."""

import gzip
import io
import pickle
import struct
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Members = Mapping[str, bytes]


def idx(values: np.ndarray) -> bytes:
    """An IDX file, as its description says."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def pixels(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(count, *shape), dtype=np.uint8)


def batch(count: int, seed: int, *, protocol: int = 2) -> bytes:
    """A batch of CIFAR-10: `count` images whose labels are 0, 1, 2, 0, ..."""
    labels = [number % 3 for number in range(count)]
    values = {
        b"batch_label": b"one",
        b"labels": labels,
        b"data": pixels(count, 3072, seed=seed),
        b"filenames": [b"a"] * count,
    }
    return pickle.dumps(values, protocol)


def names(words: list[str]) -> bytes:
    return pickle.dumps({"num_cases_per_batch": 4, "label_names": words, "num_vis": 3072}, 2)


def members(protocol: int = 2) -> dict[str, bytes]:
    """Two batches of four and six images, and one of two to test on."""
    return {
        "cifar-10-batches-py/batches.meta": names(["cat", "dog", "frog"]),
        "cifar-10-batches-py/data_batch_2": batch(6, 2, protocol=protocol),
        "cifar-10-batches-py/readme.html": b"<html>",
        "cifar-10-batches-py/test_batch": batch(2, 3, protocol=protocol),
        "cifar-10-batches-py/data_batch_1": batch(4, 1, protocol=protocol),
    }


def archive(contents: Members, change: Callable[[tarfile.TarInfo], Any] = lambda info: None) -> bytes:
    """A gzipped tar of files, each of whose headers is changed as told."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return gzip.compress(out.getvalue(), mtime=0)
