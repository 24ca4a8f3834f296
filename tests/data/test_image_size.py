"""Sizes of images: torch's (height, width), and WIDTHxHEIGHT as text."""

import pytest

from batchnorm.data import as_image_size, height_and_width, image_size_text, read_image_size
from batchnorm.errors import InputError


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (64, 64),
        ("64", 64),
        (" 64 ", 64),
        ("64x64", 64),
        ("128x96", (96, 128)),
        ("128X96", (96, 128)),
        ("128 x 96", (96, 128)),
        ("128\u00d796", (96, 128)),
        ((96, 128), (96, 128)),
        ([96, 128], (96, 128)),
        ((64, 64), 64),
        (2**15, 2**15),
    ],
)
def test_a_text_is_width_by_height_and_a_pair_is_height_and_width(given, size) -> None:
    assert read_image_size(given) == size


NO_NUMBERS = (0, -1, 2**15 + 1, True, 64.0, None, {}, (1,), (1, 2, 3), (1, 0), (1.0, 2), (True, 2))
NO_TEXTS = ("", "x", "64x", "x64", "0x5", "5x0", "1x2x3", "-5", "1e3", "64.0", "9" * 11, "9" * 10**5, "\u0664x\u0664")


@pytest.mark.parametrize("given", [*NO_NUMBERS, *NO_TEXTS], ids=lambda given: repr(given)[:20])
def test_what_is_no_size_is_refused_in_one_short_sentence(given) -> None:
    with pytest.raises(InputError, match=r"^side: expected a number of pixels from 1 to 32768, or two such") as e:
        read_image_size(given, "side")
    assert len(str(e.value)) < 300


@pytest.mark.parametrize("size", [1, 64, (96, 128)])
def test_a_size_is_read_back_from_its_text(size) -> None:
    assert read_image_size(image_size_text(size)) == size


def test_a_square_is_one_number_however_it_is_said() -> None:
    assert as_image_size(*height_and_width(7)) == 7
