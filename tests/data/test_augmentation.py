import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.data import Augmentation, random_flip, random_shift

DTYPES = [torch.uint8, torch.float32, torch.bfloat16, torch.int64, torch.bool]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered_images(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    """Images in which every pixel has a number of its own, from 1 on: 0 is what a shift brings."""
    size = count * channels * height * width
    return torch.arange(1, size + 1).reshape(count, channels, height, width)


def shifted_in_a_loop(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """The definition, pixel by pixel."""
    result = torch.zeros_like(image)
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[:, row, column] = image[:, row - down, column - right]
    return result


def distances_of_shift(image: torch.Tensor, shifted: torch.Tensor, pixels: int) -> set:
    """Every (down, right) within `pixels` that explains the result."""
    steps = range(-pixels, pixels + 1)
    return {
        (down, right)
        for down in steps
        for right in steps
        if torch.equal(shifted_in_a_loop(image, down, right), shifted)
    }


@given(st.integers(0, 5), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers())
@settings(derandomize=True, deadline=None)
def test_each_image_is_mirrored_whole_or_left(count, channels, height, width, seed):
    images = numbered_images(count, channels, height, width)
    flipped = random_flip(images, seeded(seed % 2**63))
    for image, result in zip(images, flipped, strict=True):
        mirrored = torch.stack([image[..., w] for w in reversed(range(width))], dim=-1)
        assert torch.equal(result, image) or torch.equal(result, mirrored)


def test_half_of_the_images_are_mirrored():
    images = torch.tensor([0, 1]).expand(10_000, 1, 1, 2)
    mirrored = int(random_flip(images, seeded())[..., 0].sum())
    assert abs(mirrored - 5_000) < 5 * 50  # five standard deviations of the binomial


@given(
    st.integers(0, 4),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 3),
    st.integers(0, 2**63),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_each_image_is_moved_as_a_whole_and_zeros_come_in(count, channels, height, width, pixels, seed):
    images = numbered_images(count, channels, height, width)
    shifted = random_shift(images, pixels, seeded(seed))
    for image, result in zip(images, shifted, strict=True):
        assert distances_of_shift(image, result, pixels)


def test_every_distance_is_equally_likely_in_both_directions():
    count, pixels = 2_500, 2
    images = numbered_images(1, 1, 3, 3).expand(count, 1, 3, 3)
    counts = dict.fromkeys(distances_of_shift(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), 2), 0)
    assert len(counts) == 25
    for result, number in zip(*random_shift(images, pixels, seeded()).unique(dim=0, return_counts=True), strict=True):
        (distance,) = distances_of_shift(images[0], result, pixels)
        counts[distance] = int(number)
    # 100 are expected of each; five standard deviations.
    assert all(abs(number - count / 25) < 50 for number in counts.values())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_dtype_stays(dtype):
    images = numbered_images(4, 2, 3, 3).to(dtype)
    assert Augmentation(flip=True, shift=1)(images, seeded()).dtype == dtype


@pytest.mark.parametrize("change", [random_flip, lambda x, g: random_shift(x, 1, g)])
def test_the_images_that_were_given_stay_as_they_were(change):
    images = numbered_images(16, 1, 3, 3)
    before = images.clone()
    change(images, seeded()).zero_()
    assert torch.equal(images, before)


@pytest.mark.parametrize("change", [random_flip, lambda x, g: random_shift(x, 1, g)])
def test_the_numbers_come_from_the_generator_alone(change):
    images = numbered_images(64, 1, 4, 4)
    torch.manual_seed(1)
    one = change(images, seeded(5))
    torch.manual_seed(2)
    assert torch.equal(change(images, seeded(5)), one)


def test_a_shift_of_0_changes_nothing():
    images = numbered_images(4, 1, 3, 3)
    assert torch.equal(random_shift(images, 0, seeded()), images)


def test_augmentation_flips_before_it_shifts():
    images = numbered_images(32, 1, 4, 4)
    generator = seeded(3)
    expected = random_shift(random_flip(images, generator), 2, generator)
    assert torch.equal(Augmentation(flip=True, shift=2)(images, seeded(3)), expected)


def test_augmentation_without_any_change_gives_the_images_back():
    images = numbered_images(4, 1, 3, 3)
    assert Augmentation(flip=False, shift=0)(images, seeded()) is images


def test_a_negative_distance_is_refused_by_the_function():
    with pytest.raises(ValueError, match="pixels: expected an integer of at least 0, got -1"):
        random_shift(numbered_images(1, 1, 2, 2), -1, seeded())


def test_a_negative_distance_is_refused_before_training():
    with pytest.raises(ValueError, match="shift: expected an integer of at least 0, got -1"):
        Augmentation(flip=False, shift=-1)
