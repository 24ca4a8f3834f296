"""Does a split that reads its images when they are needed give what one in memory gives?"""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from batchnorm.data import (
    Augmentation,
    Batches,
    Crops,
    Images,
    Normalization,
    Share,
    Split,
    _images,
    split_off_validation,
)
from batchnorm.data._images import counts_by_reading, pieces_of

from .images_when_needed import Photographs, photographs

VARIED = Augmentation(flip=True, shift=2, jitter=0.4)
PLAIN = Normalization((0.5,) * 3, (0.25,) * 3)


def needed(count: int = 23) -> Split:
    return Split(photographs(count), torch.arange(count) % 5)


def in_memory(split: Split) -> Split:
    """The same images, as evaluation sees them, read once."""
    return Split(split.read(torch.arange(len(split))), split.labels)


def same(one, two) -> bool:
    one, two = list(one), list(two)
    return len(one) == len(two) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, two, strict=True)
    )


def test_an_image_is_seen_in_the_middle_and_at_the_nets_size():
    split = needed()
    assert split.shape == (23, 3, 12, 16)
    assert split.read(torch.tensor([3, 0])).shape == (2, 3, 12, 16)


def test_evaluation_sees_the_images_of_memory():
    split = needed()
    assert same(Batches(split, 4, PLAIN), Batches(in_memory(split), 4, PLAIN))


def test_a_training_without_crops_sees_the_images_of_memory_varied_alike():
    split = needed()
    one, two = (Batches(some, 4, PLAIN, augmentation=VARIED, shuffle=True) for some in (split, in_memory(split)))
    for epoch in (0, 3):
        assert same(one.epoch(5, epoch), two.epoch(5, epoch))


CROPPED = Augmentation(flip=True, shift=1, jitter=0.3, crop=0.3)


@pytest.mark.parametrize("some", [needed(), in_memory(needed())], ids=["needed", "in memory"])
class TestCrops:
    """Of images in memory and of others."""

    def batches(self, some: Split, augmentation: Augmentation = CROPPED) -> Batches:
        return Batches(some, 6, PLAIN, augmentation=augmentation, shuffle=True, micro_batch=3)

    def test_an_epoch_goes_on_at_any_step_bit_for_bit(self, some: Split):
        whole = list(self.batches(some).epoch(5, 2))
        for step in range(len(whole) + 1):
            assert same(self.batches(some).epoch(5, 2, start_step=step), whole[step:])

    @pytest.mark.parametrize("size", [2, 5])  # of five, some get no image of a piece
    def test_the_parts_of_all_processes_are_the_batches_of_one(self, some: Split, size: int):
        batches = self.batches(some)
        parts = [batches.epoch(3, 1, share=Share(rank, size)) for rank in range(size)]
        for step, (images, labels) in enumerate(batches.epoch(3, 1)):
            mine = [next(part) for part in parts]
            for place, got in enumerate((images, labels)):
                pieces = [
                    torch.split(part[place], [Share(rank, size).count(images) for images in batches.sizes(step)])
                    for rank, part in enumerate(mine)
                ]
                assert torch.equal(torch.cat([one for piece in zip(*pieces, strict=True) for one in piece]), got)

    def test_each_image_is_seen_through_its_own_crop(self, some: Split):
        split = some.subset(torch.zeros(8, dtype=torch.long))
        batches = Batches(split, 8, PLAIN, augmentation=Augmentation(flip=False, shift=0, crop=0.3))
        ((images, _),) = batches.epoch()
        assert len(images.unique(dim=0)) > 6  # of small images two may be cropped alike

    def test_crops_change_with_the_epoch_and_with_the_step(self, some: Split):
        split = some.subset(torch.zeros(8, dtype=torch.long))
        batches = Batches(split, 4, PLAIN, augmentation=Augmentation(flip=False, shift=0, crop=0.3))
        seen = [images for epoch in (0, 1) for images, _ in batches.epoch(0, epoch)]
        assert len({images.numpy().tobytes() for images in seen}) == 4

    def test_flips_and_shifts_are_those_of_a_training_without_crops(self, some: Split):
        """The crops' numbers are their own: whoever adds them changes nothing else."""
        flat = Split(torch.arange(12, dtype=torch.uint8).reshape(12, 1, 1, 1).expand(12, 3, 12, 16), torch.arange(12))
        options = {"flip": True, "shift": 4}
        one, two = (
            list(Batches(flat, 6, PLAIN, augmentation=Augmentation(**options, crop=crop)).epoch()) for crop in (1, 0.3)
        )
        assert same(one, two)


def test_the_constants_are_those_of_what_evaluation_sees():
    split = needed()
    pixels = split.read(torch.arange(len(split))).numpy() / 255
    normalization = Normalization.of(split.images)
    np.testing.assert_allclose(normalization.mean, pixels.mean((0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(normalization.std, pixels.std((0, 2, 3)), rtol=1e-12)
    assert normalization == Normalization.of(in_memory(split).images)


def test_values_are_counted_by_reading_as_numpy_counts_them():
    images = photographs(23)
    assert torch.equal(counts_by_reading(images), images.counts())


def test_many_values_are_counted_some_images_at_a_time(monkeypatch):
    monkeypatch.setattr(_images, "PIECE", 5 * 3 * 12 * 16)
    images = photographs(23)
    assert [len(piece) for piece in pieces_of(images)] == [5, 5, 5, 5, 3]
    assert torch.equal(counts_by_reading(images), images.counts())


def test_a_subset_copies_no_pixels():
    split = needed()
    part = split.subset(torch.tensor([4, 2]))
    assert part.images.arrays[0] is split.images.arrays[4]
    assert part.labels.tolist() == [4, 2]


def test_a_validation_part_is_that_of_memory():
    for one, two in zip(*(split_off_validation(some, 0.4, 1) for some in (needed(), in_memory(needed()))), strict=True):
        assert torch.equal(in_memory(one).images, two.images)
        assert torch.equal(one.labels, two.labels)


def test_the_next_batches_are_read_while_one_is_used():
    split = needed()
    batches = Batches(split, 2, PLAIN).epoch()
    next(batches)
    assert len(split.images.running) == 1
    assert len(list(batches)) == 11


def test_the_first_batch_alone_is_read_without_reading_ahead():
    split = needed()
    split.images.ahead = None
    images, _ = Batches(split, 4, PLAIN).first()
    assert torch.equal(images, next(iter(Batches(needed(), 4, PLAIN)))[0])


def test_what_reads_ahead_ends_with_the_epoch():
    split = needed()
    batches = Batches(split, 2, PLAIN).epoch()
    next(batches)
    batches.close()
    assert split.images.running == []
    for _ in Batches(split, 2, PLAIN):
        pass
    assert split.images.running == []


class Inheriting(Images):
    """Images that leave to `Images` what they need not do themselves."""

    def __init__(self, images: Photographs) -> None:
        self.images = images

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.images.shape

    def read(self, index: torch.Tensor, crops: Crops | None = None) -> torch.Tensor:
        return self.images.read(index, crops)

    def subset(self, index: torch.Tensor) -> "Inheriting":
        return Inheriting(self.images.subset(index))


def inheriting() -> Split:
    return Split(Inheriting(photographs(23)), needed().labels)


def test_who_inherits_from_images_needs_no_more_than_to_read_them():
    one, two = (Batches(some, 4, PLAIN, augmentation=CROPPED, shuffle=True) for some in (inheriting(), needed()))
    assert same(one.epoch(), two.epoch())
    assert Normalization.of(inheriting().images) == Normalization.of(needed().images)


def test_who_inherits_from_images_must_read_them():
    with pytest.raises(TypeError, match=r"abstract methods? .*read"):
        type("Nothing", (Images,), {})()


@pytest.mark.parametrize(
    "some", [needed(), in_memory(needed()), inheriting()], ids=["needed", "in memory", "inheriting"]
)
def test_the_fingerprint_tells_other_images_labels_and_orders_from_the_same(some: Split):
    reverse = torch.arange(len(some)).flip(0)
    others = [
        Split(some.subset(reverse).images, some.labels),
        Split(some.images, some.labels.flip(0)),
        some.subset(reverse[:-1]),
    ]
    assert len({split.fingerprint() for split in (some, *others)}) == 4
    assert some.subset(torch.arange(len(some))).fingerprint() == some.fingerprint()


@dataclass
class Odd(Photographs):
    """Images that do not do what they are asked for."""

    way: str = ""
    running: list = field(default_factory=list)

    def ahead(self, wanted):
        for number, (index, crops) in enumerate(wanted):
            if self.way == "few batches" and number == 1:
                return
            images = self.read(index, crops)
            yield {"few images": images[1:], "small images": images[..., 1:]}.get(self.way, images)


@pytest.mark.parametrize(
    ("way", "got"),
    [("few batches", "none"), ("few images", r"shape \(3, 3, 12, 16\)"), ("small images", r"shape \(4, 3, 12, 15\)")],
)
def test_images_that_were_not_asked_for_are_refused(way: str, got: str):
    split = Split(Odd(photographs(8).arrays, (12, 16), way=way), torch.zeros(8, dtype=torch.long))
    with pytest.raises(ValueError, match=f"expected 4 images of 3x12x16, got {got}"):
        list(Batches(split, 4, PLAIN))


@pytest.mark.parametrize("images", [None, [1, 2], np.zeros((2, 1, 4, 4), np.uint8), Photographs], ids=str)
def test_what_is_neither_a_tensor_nor_reads_images_is_refused(images: object):
    with pytest.raises(TypeError, match=r"images: expected a tensor of torch.uint8, of shape \(N, C, H, W\)"):
        Split(images, torch.zeros(2, dtype=torch.long))


def test_images_and_labels_of_different_number_are_refused():
    with pytest.raises(ValueError, match="3 images and 2 labels"):
        Split(photographs(3), torch.zeros(2, dtype=torch.long))
