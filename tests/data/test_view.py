import numpy as np
import pytest
import torch
from PIL import Image

from batchnorm.data import view


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("box", [(0, 0, 90, 70), (10, 20, 75, 65), (3, 2, 20, 12)], ids=str)
def test_a_part_is_resampled_as_pillow_does_it(channels: int, box: tuple[int, int, int, int]) -> None:
    pixels, (left, top, right, bottom) = noise(70, 90, channels), box
    part = pixels[top:bottom, left:right]
    pillows = Image.fromarray(part if channels == 3 else part[..., 0]).resize((40, 32), Image.Resampling.BILINEAR)
    seen = view(pixels, box, (32, 40))
    assert seen.shape == (channels, 32, 40)
    expected = np.asarray(pillows).reshape(32, 40, channels).transpose(2, 0, 1).astype(int)
    assert np.abs(seen.numpy() - expected).max() <= 2  # torch's weights of bytes have fewer digits


@pytest.mark.parametrize("channels", [1, 3])
def test_where_the_part_has_the_size_its_pixels_are_copied(channels: int) -> None:
    pixels = noise(20, 30, channels)
    seen = view(pixels, (4, 3, 14, 11), (8, 10))
    np.testing.assert_array_equal(seen.numpy(), pixels[3:11, 4:14].transpose(2, 0, 1))
    seen.zero_()
    assert pixels.any()


@pytest.mark.parametrize("box", [(4, 3, 14, 11), (0, 0, 30, 20)], ids=str)
@pytest.mark.parametrize("size", [(8, 10), (5, 5), (20, 30)])
def test_what_is_seen_is_contiguous_bytes_of_its_own(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    pixels = noise(20, 30, 3)
    before = pixels.copy()
    seen = view(pixels, box, size)
    assert seen.dtype == torch.uint8
    assert seen.is_contiguous()
    seen.zero_()
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("size", [(8, 10), (5, 5)])
def test_pixels_that_must_not_be_written_to_are_seen_all_the_same(size: tuple[int, int]) -> None:
    pixels = noise(20, 30, 3)
    expected = view(pixels, (4, 3, 14, 11), size)
    pixels.flags.writeable = False
    assert torch.equal(view(pixels, (4, 3, 14, 11), size), expected)


def test_what_lies_outside_of_the_part_changes_nothing() -> None:
    one, other = noise(20, 30, 3, seed=1), noise(20, 30, 3, seed=2)
    other[3:11, 4:14] = one[3:11, 4:14]
    assert torch.equal(view(one, (4, 3, 14, 11), (6, 6)), view(other, (4, 3, 14, 11), (6, 6)))


def test_a_part_of_a_larger_array_comes_out_as_its_copy_does() -> None:
    pixels = noise(60, 80, 3)
    part = np.ascontiguousarray(pixels[10:50, 5:65])
    assert torch.equal(view(pixels, (5, 10, 65, 50), (32, 48)), view(part, (0, 0, 60, 40), (32, 48)))
