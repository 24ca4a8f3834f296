import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.data import Normalization, get
from batchnorm.errors import InputError
from batchnorm.functional import batch_moments


def random_images(count: int, channels: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, channels, 5, 4)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 100))
@settings(derandomize=True, deadline=None)
def test_the_constants_are_numpys_population_moments_in_float64(count, channels, seed):
    images = random_images(count, channels, seed)
    scaled = images.numpy().astype(np.float64) / 255
    normalization = Normalization.of(images)
    np.testing.assert_allclose(normalization.mean, scaled.mean((0, 2, 3)), rtol=1e-14)
    np.testing.assert_allclose(normalization.std, scaled.std((0, 2, 3)), rtol=1e-13)


def test_the_constants_of_the_bundled_images_are_batch_norms_own_moments():
    images = get("fashion-mnist-mini").load("train").images
    moments = batch_moments(images.double() / 255)
    normalization = Normalization.of(images)
    assert normalization.mean[0] == pytest.approx(float(moments.mean), rel=1e-12)
    assert normalization.std[0] == pytest.approx(float(moments.var.sqrt()), rel=1e-12)


def test_every_pixel_value_is_normalized_to_float32s_precision():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(1, 2, 1, 1)
    mean, std = (0.2860, 0.9), (0.3530, 0.01)
    expected = (pixels.numpy() / 255 - np.reshape(mean, (2, 1, 1))) / np.reshape(std, (2, 1, 1))
    actual = Normalization(mean, std).apply(pixels)
    largest = np.abs(expected).max((2, 3), keepdims=True)
    assert (np.abs(actual.numpy() - expected) / largest).max() < 2 * np.finfo(np.float32).eps


def test_normalized_images_are_float32():
    assert Normalization((0.5,), (0.5,)).apply(random_images(2, 1, 0)).dtype == torch.float32


def test_the_pixels_stay_as_they_were():
    images = random_images(2, 1, 0)
    before = images.clone()
    Normalization((0.5,), (0.5,)).apply(images)
    assert torch.equal(images, before)


def test_the_layout_is_the_one_asked_for():
    normalized = Normalization((0.5,) * 3, (0.5,) * 3).apply(random_images(2, 3, 0), torch.channels_last)
    assert normalized.is_contiguous(memory_format=torch.channels_last)


def test_a_constant_channel_becomes_0():
    images = torch.full((3, 1, 2, 2), 200, dtype=torch.uint8)
    normalized = Normalization.of(images).apply(images)
    torch.testing.assert_close(normalized, torch.zeros(3, 1, 2, 2), atol=1e-6, rtol=0)


def test_an_empty_batch_stays_empty():
    empty = torch.empty(0, 1, 4, 4, dtype=torch.uint8)
    assert Normalization((0.5,), (0.5,)).apply(empty).shape == (0, 1, 4, 4)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(1, 1, 2, 2), torch.empty(0, 1, 2, 2, dtype=torch.uint8)],
    ids=["float", "empty"],
)
def test_constants_of_no_pixels_are_refused(images):
    with pytest.raises(ValueError, match="expected at least one image, uint8"):
        Normalization.of(images)


@pytest.mark.parametrize("images", [torch.zeros(1, 1, 2, 2), random_images(1, 3, 0)])
def test_images_of_another_dtype_or_channel_count_are_not_normalized(images):
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(N, 1, H, W\), got"):
        Normalization((0.5,), (0.5,)).apply(images)


@pytest.mark.parametrize(("mean", "std"), [((), ()), ((0.5,), (0.5, 0.5))])
def test_unequal_numbers_of_constants_are_refused(mean, std):
    with pytest.raises(ValueError, match="one number per channel"):
        Normalization(mean, std)


@pytest.mark.parametrize(("mean", "std"), [(float("nan"), 1.0), (0.0, float("inf")), (0.0, 0.0), (0.0, -1.0)])
def test_constants_that_would_give_nan_or_inf_are_refused(mean, std):
    with pytest.raises(ValueError, match="expected finite means and finite std > 0"):
        Normalization((mean,), (std,))


def test_a_dict_gives_back_the_same_constants():
    normalization = Normalization((0.1, 1 / 3), (0.2, 2 / 3))
    assert Normalization.from_dict(normalization.to_dict()) == normalization


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"mean": [0.5]},
        {"mean": 0.5, "std": 0.5},
        {"mean": ["a"], "std": [1]},
        {"mean": [None], "std": [1]},
        {"mean": [0.5], "std": [0]},
        {"mean": ["0.5"], "std": ["1"]},
        {"mean": [True], "std": [1]},
        {"mean": [10**400], "std": [1]},
        [1],
        None,
        3,
    ],
)
def test_a_dict_with_something_else_is_the_callers_mistake(data):
    with pytest.raises(InputError, match="expected lists of numbers 'mean' and 'std'"):
        Normalization.from_dict(data)
