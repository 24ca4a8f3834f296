"""Does an image that the net hardly sees say so?"""

import numpy as np
import pytest
import torch
from PIL import Image

from batchnorm.data import read_image
from batchnorm.errors import InputError


def noise(width: int, height: int, most: int = 255) -> Image.Image:
    pixels = np.random.default_rng(0).integers(most // 2, most, (height, width))
    return Image.fromarray(pixels.astype(np.uint8 if most < 256 else np.uint16))


@pytest.mark.parametrize("size", [(4000, 3), (3, 4000), (57, 1)])
def test_an_image_of_which_nothing_is_left_is_refused(tmp_path, size: tuple[int, int]) -> None:
    noise(*size).save(tmp_path / "i.png")
    with pytest.raises(InputError, match=rf"i\.png: it has {size[0]}x{size[1]} pixels, of which nothing is left in"):
        read_image(tmp_path / "i.png", channels=1, image_size=28)


@pytest.mark.parametrize(("width", "height", "rows"), [(4000, 100, 1), (400, 100, 7), (55, 1, 1)])
def test_a_long_image_says_how_little_of_the_square_it_fills(tmp_path, width: int, height: int, rows: int) -> None:
    noise(width, height).save(tmp_path / "i.png")
    read, notes = read_image(tmp_path / "i.png", channels=1, image_size=28)
    assert notes[-1] == f"it fills 28x{rows} of these, the rest is black; crop it to see more"
    assert int((read[0] > 0).any(1).sum()) == rows


def test_an_image_of_a_usual_shape_says_no_more_than_that_it_was_fitted(tmp_path) -> None:
    noise(300, 100).save(tmp_path / "i.png")
    assert read_image(tmp_path / "i.png", channels=1, image_size=28)[1] == ("300x100 fitted into 28x28",)


def test_twelve_bits_that_are_stored_in_sixteen_say_that_they_are_dark(tmp_path) -> None:
    noise(28, 28, most=4096).save(tmp_path / "i.png")
    read, notes = read_image(tmp_path / "i.png", channels=1, image_size=28)
    assert notes[-1] == f"very dark: its largest number is {int(read.max())} of 255"


def test_an_image_that_is_all_transparent_says_that_it_is_black(tmp_path) -> None:
    Image.new("RGBA", (28, 28), (255, 255, 255, 0)).save(tmp_path / "i.png")
    assert read_image(tmp_path / "i.png", channels=1, image_size=28)[1][-1] == "black: it shows nothing"


@pytest.mark.parametrize("suffix", ["gif", "tif"])
def test_of_several_pictures_in_a_file_the_first_is_read_and_it_is_said(tmp_path, suffix: str) -> None:
    one, *others = noise(28, 28), Image.new("L", (28, 28)), noise(28, 28, most=100)
    one.save(tmp_path / f"i.{suffix}", save_all=True, append_images=others)
    read, notes = read_image(tmp_path / f"i.{suffix}", channels=1, image_size=28)
    assert notes[0] == "the first of 3 pictures in it"
    assert torch.equal(read[0], torch.from_numpy(np.asarray(one).copy()))


def test_a_file_that_is_no_image_is_refused_without_the_words_of_pillow(tmp_path) -> None:
    (tmp_path / "i.png").write_text("no image")
    with pytest.raises(
        InputError, match=r"i\.png: cannot be read as an image \(it is of none of these kinds, or damag"
    ):
        read_image(tmp_path / "i.png", channels=1, image_size=28)
