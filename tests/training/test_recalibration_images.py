"""Which images a recalibration reads."""

import pytest
import torch

from batchnorm.data import Augmentation, Normalization, Share, Split
from batchnorm.runs._as_trained import EVALUATION_BATCH as BLOCK
from batchnorm.runs._recalibration_images import RecalibrationImages

PLAIN = Normalization((0.0,), (1.0,))


def split(count: int) -> Split:
    """Each image is one grey of its own."""
    greys = torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(count, 1, 6, 6).contiguous()
    return Split(greys, torch.arange(count))


def all_of(images: RecalibrationImages) -> torch.Tensor:
    return torch.cat(list(images))


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (10, 5, [5, 5]),
        (10, 4, [4, 4, 2]),
        (9, 4, [4, 5]),  # alone it would have no variance
        (1, 4, [1]),
        (3, 1, [1, 1, 1]),
        (3, 100, [3]),
        (2 * BLOCK + 1, BLOCK, [BLOCK, BLOCK + 1]),
        (BLOCK + 20, BLOCK + 7, [BLOCK + 7, 13]),
    ],
)
def test_every_image_comes_once_and_the_last_not_alone(count: int, batch_size: int, sizes: list[int]) -> None:
    few = Split(torch.zeros(count, 1, 2, 2, dtype=torch.uint8), torch.arange(count))
    images = RecalibrationImages(few, PLAIN, batch_size=batch_size)
    assert [len(batch) for batch in images] == sizes
    assert (len(images), images.count) == (len(sizes), count)


def test_the_images_come_in_another_order_than_in_the_split() -> None:
    greys = (all_of(RecalibrationImages(split(40), PLAIN))[:, 0, 0, 0] * 255).round().int().tolist()
    assert sorted(greys) == list(range(40))
    assert greys != list(range(40))


def test_every_reading_and_every_batch_size_gives_the_same_images() -> None:
    varied = {"augmentation": Augmentation(flip=True, shift=2), "seed": 3, "epoch": 5}
    images = RecalibrationImages(split(50), PLAIN, batch_size=7, **varied)
    first = all_of(images)
    assert torch.equal(all_of(images), first)
    for size in (1, 2, 50):
        assert torch.equal(all_of(RecalibrationImages(split(50), PLAIN, batch_size=size, **varied)), first)


@pytest.mark.parametrize("change", [{"seed": 4}, {"epoch": 6}])
def test_another_seed_or_epoch_gives_other_images(change: dict[str, int]) -> None:
    varied = {"augmentation": Augmentation(flip=True, shift=2), "seed": 3, "epoch": 5}
    one, other = (RecalibrationImages(split(50), PLAIN, **kind) for kind in (varied, varied | change))
    assert not torch.equal(all_of(one), all_of(other))


def test_fewer_images_are_some_of_all() -> None:
    whole, part = (all_of(RecalibrationImages(split(50), PLAIN, max_images=most)) for most in (None, 20))
    assert torch.equal(part, whole[:20])
    assert len(all_of(RecalibrationImages(split(50), PLAIN, max_images=1000))) == 50


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("count", [1, 9, 1301])
def test_the_batches_of_all_processes_are_those_of_one(count: int, size: int) -> None:
    options = {"augmentation": Augmentation(flip=True, shift=2), "batch_size": 128}
    many = Split(torch.randint(256, (count, 1, 6, 6), dtype=torch.uint8), torch.arange(count))
    whole = [*RecalibrationImages(many, PLAIN, **options)]
    parts = [[*RecalibrationImages(many, PLAIN, **options, share=Share(rank, size))] for rank in range(size)]
    together = [batch for part in parts for batch in part]
    assert len(together) == len(whole)
    assert all(torch.equal(one, other) for one, other in zip(together, whole, strict=True))
