"""One number for the samples that were seen: the same in any order and any batches, another for any other samples."""

import pytest
import torch

from batchnorm.statistics._fingerprint import PIECE, Fingerprint

MASK = (1 << 64) - 1
SAMPLES = {
    "float32": torch.randn(6, 3, 4, 5),
    "channels_last": torch.randn(6, 3, 4, 5).to(memory_format=torch.channels_last),
    "bfloat16": torch.randn(6, 3).bfloat16(),
    "uint8, three bytes": torch.randint(0, 256, (6, 3), dtype=torch.uint8),
    "bool": torch.rand(6, 5) > 0.5,
    "conjugated": torch.randn(6, 2, dtype=torch.complex64).conj(),
    "one number each": torch.randn(6),
    "transposed": torch.randn(9, 6).t(),
    "more than a piece": torch.zeros(6, PIECE // 8).index_put((torch.arange(6), torch.arange(6)), torch.ones(6)),
}


def mixed(x: int) -> int:
    """The last step of SplitMix64, in whole numbers of Python."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def expected(x: torch.Tensor) -> int:
    total = 0
    for row in x.resolve_conj().contiguous():
        content = row.reshape(-1).view(torch.uint8).numpy().tobytes()
        count = -(-len(content) // 8)
        keys = [mixed(number * 0x9E3779B97F4A7C15 & MASK) for number in range(1, 2 * count + 1)]
        h = len(content)
        for place in range(count):
            word = int.from_bytes(content[8 * place : 8 * place + 8], "little")
            h += keys[place] * word + keys[count + place] * (word >> 32)
        total += mixed(h & MASK)
    return total & MASK


def fingerprint(*batches: torch.Tensor) -> int:
    found = Fingerprint()
    for batch in batches:
        found.add([batch], len(batch))
    return found.total


@pytest.mark.parametrize("kind", [kind for kind in SAMPLES if kind != "more than a piece"])
def test_it_is_the_sum_of_each_sample_s_hash(kind):
    assert fingerprint(SAMPLES[kind]) == expected(SAMPLES[kind])


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
    found = [Fingerprint() for _ in range(4)]
    found[0].add([image, label], 3)
    found[1].add([image, label, number], 3)
    found[2].add([image], 3)
    found[3].add([label, image], 3)
    assert found[0].total == found[1].total
    assert len({one.total for one in found}) == 3
