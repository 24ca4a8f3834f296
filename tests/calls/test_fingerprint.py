"""One number for the samples that were seen: the same in any order and any batches, another for any other samples."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from batchnorm.calls import _fingerprint

SAMPLES = {
    "float32": torch.randn(6, 3, 4, 5),
    "channels_last": torch.randn(6, 3, 4, 5).to(memory_format=torch.channels_last),
    "bfloat16": torch.randn(6, 3).bfloat16(),
    "uint8, three bytes": torch.randint(0, 256, (6, 3), dtype=torch.uint8),
    "bool": torch.rand(6, 5) > 0.5,
    "conjugated": torch.randn(6, 2, dtype=torch.complex64).conj(),
    "one number each": torch.randn(6),
    "transposed": torch.randn(9, 6).t(),
    "large": torch.zeros(6, 1 << 16).index_put((torch.arange(6), torch.arange(6)), torch.ones(6)),
}


def expected(x: torch.Tensor) -> int:
    contents = (row.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() for row in x.resolve_conj())
    return sum(int.from_bytes(hashlib.sha256(content).digest()[:8], "little") for content in contents) % 2**64


def together(*batches: tuple[list[torch.Tensor], int]) -> int:
    return sum(_fingerprint.fingerprint(*batch) for batch in batches) % _fingerprint.MODULUS


def fingerprint(*batches: torch.Tensor) -> int:
    return together(*(([batch], len(batch)) for batch in batches))


@pytest.mark.parametrize("kind", SAMPLES)
def test_it_is_the_sum_of_each_sample_s_hash(kind):
    assert fingerprint(SAMPLES[kind]) == expected(SAMPLES[kind])


@pytest.mark.parametrize("threads", [1, 2, 5, 50])
@pytest.mark.parametrize("kind", SAMPLES)
def test_several_threads_come_to_the_same(kind, threads, monkeypatch):
    pools = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, count):
            super().__init__(count)
            pools.append(count)

    monkeypatch.setattr(_fingerprint, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(_fingerprint, "LARGE", 0)
    monkeypatch.setattr(_fingerprint, "UNLOCKED", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert fingerprint(SAMPLES[kind]) == expected(SAMPLES[kind])
    image, label = SAMPLES[kind], torch.arange(6)
    many = together(([image, label], 6))
    monkeypatch.setattr(_fingerprint, "LARGE", 1 << 40)
    assert together(([image, label], 6)) == many
    assert pools == [min(threads, 6)] * 2 * (threads > 1)


@pytest.mark.parametrize("kind", SAMPLES)
def test_it_asks_neither_for_order_nor_for_batches(kind):
    x = SAMPLES[kind]
    assert fingerprint(x[[5, 0]], x[[3]], x[[4, 1, 2]]) == fingerprint(x)


def test_it_knows_which_words_belong_together():
    x = torch.randn(6, 8)
    other = x.clone()
    other[0, 3], other[1, 3] = x[1, 3], x[0, 3]
    assert fingerprint(other) != fingerprint(x)


def test_it_knows_signs():
    x = torch.randn(1, 64)
    found = {fingerprint(x)}
    for first in range(64):
        for second in range(first, 64):
            other = x.clone()
            other[0, [first, second]] *= -1
            found.add(fingerprint(other))
    assert len(found) == 1 + 64 * 65 // 2


def test_it_knows_how_often_a_sample_came_and_how_long_it_is():
    x = torch.zeros(2, 3)
    assert len({fingerprint(x), fingerprint(x, x), fingerprint(x[:1]), fingerprint(torch.zeros(2, 4))}) == 4


def test_all_tensors_of_a_batch_count_that_have_a_row_for_each_sample():
    image, label, number = torch.randn(3, 4), torch.arange(3), torch.tensor(5.0)
    given = [[image, label], [image, label, number], [image], [label, image]]
    found = [together((tensors, 3)) for tensors in given]
    assert found[0] == found[1]
    assert len(set(found)) == 3
