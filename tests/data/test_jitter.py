import math

import pytest
import torch

from batchnorm.data import Augmentation, Part, random_jitter
from batchnorm.data._jitter import _mean_grey


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coloured(count: int, channels: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.randint(256, (count, channels, 9, 7), generator=seeded(seed), dtype=torch.uint8)


def factors(count: int, strength: float, seed: int = 0) -> torch.Tensor:
    """b, c and s of each image, by the documented law."""
    return (1 - strength) + 2 * strength * torch.rand(count, 3, generator=seeded(seed)).double()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_colours_change_as_torchvision_changes_them(peers, channels: int, strength: float) -> None:
    functional = peers.load("torchvision.transforms.functional")
    images = coloured(40, channels)
    changed = random_jitter(images, strength, seeded())
    for image, result, (b, c, s) in zip(images, changed, factors(40, strength).tolist(), strict=True):
        bright = functional.adjust_brightness(image.double() / 255, b)
        bright = (bright * 255).round() / 255
        expected = functional.adjust_saturation(functional.adjust_contrast(bright, c), s) * 255
        # 0.2989 and 0.587 + 0.114 there are no sum of 1, which shows where a factor is large.
        assert (result - expected).abs().max() <= 0.5 + 255 * 1e-4 * 2


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_change_by_the_documented_formula_in_float64(channels: int) -> None:
    images, strength = coloured(60, channels), 0.7
    b, c, s = factors(60, strength).reshape(60, 3, 1, 1, 1).unbind(1)
    weights = torch.tensor([0.299, 0.587, 0.114] if channels == 3 else [1.0], dtype=torch.float64).reshape(1, -1, 1, 1)
    x = (b * images).clamp(0, 255).round()
    x = (c * x + (1 - c) * (weights * x).sum(1, keepdim=True).mean((2, 3), keepdim=True)).clamp(0, 255)
    x = (s * x + (1 - s) * (weights * x).sum(1, keepdim=True)).clamp(0, 255)
    assert (random_jitter(images, strength, seeded()) - x).abs().max() < 0.501


def test_without_strength_nothing_changes() -> None:
    assert torch.equal(random_jitter(coloured(20), 0.0, seeded()), coloured(20))


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_comes_out_alike_whichever_others_are_with_it(channels: int) -> None:
    images = torch.randint(256, (13, channels, 137, 241), generator=seeded(3), dtype=torch.uint8)
    whole = random_jitter(images, 0.8, seeded())
    for rows in ([5], [12, 0], list(range(1, 13))):
        part = Part(torch.tensor(rows), 13)
        assert torch.equal(random_jitter(images[rows], 0.8, seeded(), part), whole[rows])


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mean_is_that_of_whole_numbers_whose_order_does_not_matter(channels: int) -> None:
    """Of so many that a sum in float32 would depend on it."""
    images = torch.randint(200, 256, (2, channels, 801, 803), generator=seeded(3), dtype=torch.uint8)
    sums = images.long().sum((2, 3)).double()
    weights = torch.tensor([0.299, 0.587, 0.114] if channels == 3 else [1.0], dtype=torch.float64)
    expected = ((weights * sums).sum(1) / (801 * 803)).float()
    assert torch.equal(_mean_grey(images.float()).flatten(), expected)


def test_an_image_comes_out_alike_in_every_layout() -> None:
    images = coloured(8)
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(random_jitter(last, 0.8, seeded()), random_jitter(images, 0.8, seeded()))


def test_the_numbers_come_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    one = random_jitter(coloured(5), 0.5, seeded(4))
    torch.manual_seed(2)
    assert torch.equal(random_jitter(coloured(5), 0.5, seeded(4)), one)


def test_the_images_that_were_given_stay_as_they_were() -> None:
    images = coloured(5)
    random_jitter(images, 0.5, seeded()).zero_()
    assert torch.equal(images, coloured(5))


def test_augmentation_varies_colours_last() -> None:
    images, generator = coloured(6), seeded(3)
    moved = Augmentation(flip=True, shift=2)(images, generator)
    expected = random_jitter(moved, 0.4, generator)
    assert torch.equal(Augmentation(flip=True, shift=2, jitter=0.4)(images, seeded(3)), expected)


@pytest.mark.parametrize("strength", [-0.1, 1.1, math.nan])
def test_a_strength_out_of_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="strength: expected a number from 0 to 1, got"):
        random_jitter(coloured(1), strength, seeded())
    with pytest.raises(ValueError, match="jitter: expected a number from 0 to 1, got"):
        Augmentation(flip=False, shift=0, jitter=strength)


@pytest.mark.parametrize("images", [torch.zeros(1, 2, 3, 3, dtype=torch.uint8), torch.zeros(1, 3, 3, 3)], ids=str)
def test_what_has_no_colours_is_refused(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"images: expected uint8 of shape \(N, 1, H, W\) or \(N, 3, H, W\), got"):
        random_jitter(images, 0.5, seeded())


@pytest.mark.parametrize("crop", [0, 1.5, math.nan])
def test_a_crop_out_of_its_range_is_refused_before_training(crop: float) -> None:
    with pytest.raises(ValueError, match="crop: expected a number above 0 and at most 1, got"):
        Augmentation(flip=False, shift=0, crop=crop)
