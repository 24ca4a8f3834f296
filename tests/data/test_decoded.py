"""Is so much of an image file kept as every part needs that may be shown of it, upright and in the net's colours?"""

import struct
import threading
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageOps

from batchnorm.data import read_image
from batchnorm.data._crops import central_box
from batchnorm.data._decoded import cover_of, decoded
from batchnorm.data._image_file import open_image
from batchnorm.data._view import view

RGB = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def smooth(width: int, height: int) -> Image.Image:
    """A picture without edges, which every sound way of scaling shows nearly alike."""
    return Image.fromarray(RGB[:6, :9]).resize((width, height), Image.Resampling.BICUBIC)


def test_an_image_that_is_no_larger_keeps_its_pixels(tmp_path) -> None:
    Image.fromarray(RGB).save(tmp_path / "i.png")
    assert np.array_equal(decoded(tmp_path / "i.png", 3, (60, 60)), RGB)
    assert np.array_equal(decoded(tmp_path / "i.png", 3, (200, 200)), RGB)


@pytest.mark.parametrize(
    ("cover", "wanted"), [((32, 32), (32, 48)), ((30, 30), (30, 45)), ((10, 60), (40, 60)), ((59, 7), (59, 88))]
)
def test_a_larger_image_just_covers_what_is_wanted(tmp_path, cover, wanted) -> None:
    Image.fromarray(RGB).save(tmp_path / "i.png")
    assert decoded(tmp_path / "i.png", 3, cover).shape == (*wanted, 3)


def scaled_by_pillow(path: Path, width: int, height: int) -> npt.NDArray[np.int64]:
    return np.asarray(Image.open(path).resize((width, height), Image.Resampling.BILINEAR)).astype(int)


def test_scaling_down_agrees_with_pillows_bilinear_one(tmp_path) -> None:
    """On noise, of which a scaling without antialiasing makes other noise."""
    Image.fromarray(RGB).save(tmp_path / "i.png")
    got = decoded(tmp_path / "i.png", 3, (20, 20)).astype(int)
    assert np.abs(got - scaled_by_pillow(tmp_path / "i.png", 30, 20)).max() <= 1


def test_a_photograph_of_which_fewer_pixels_are_decoded_looks_the_same(tmp_path) -> None:
    smooth(900, 600).save(tmp_path / "i.jpg", quality=95)
    got = decoded(tmp_path / "i.jpg", 3, (80, 80)).astype(int)
    assert np.abs(got - scaled_by_pillow(tmp_path / "i.jpg", 120, 80)).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
def test_an_image_stands_as_its_exif_data_say(tmp_path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    smooth(160, 80).save(tmp_path / f"i.{kind}", exif=exif, quality=95, lossless=True)
    upright = ImageOps.exif_transpose(Image.open(tmp_path / f"i.{kind}"))
    got = decoded(tmp_path / f"i.{kind}", 3, (500, 500))
    assert np.array_equal(got, np.asarray(upright))


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photograph_of_which_fewer_pixels_are_decoded_still_covers(tmp_path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    smooth(640, 320).save(tmp_path / "i.jpg", exif=exif)
    opened = open_image(tmp_path / "i.jpg", "RGB", enough=(80, 160) if orientation == 1 else (160, 80))
    assert opened.image.size == ((160, 80) if orientation == 1 else (80, 160))
    assert opened.size == ((640, 320) if orientation == 1 else (320, 640))


def test_odd_exif_data_hurt_no_pixel(tmp_path) -> None:
    text = struct.pack(">4sIHHHI4sI", b"MM\0*", 8, 1, 0x0112, 2, 4, b"abc\0", 0)  # in the place of a number
    smooth(40, 30).save(tmp_path / "odd.png", exif=b"Exif\0\0" + text)
    assert np.array_equal(decoded(tmp_path / "odd.png", 3, (99, 99)), np.asarray(smooth(40, 30)))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_grey_and_colours_are_what_pillow_makes_of_each_other(tmp_path, channels: int, mode: str) -> None:
    for made in (Image.fromarray(RGB), Image.fromarray(RGB[..., 0])):
        made.save(tmp_path / "i.png")
        wanted = np.asarray(made.convert(mode)).reshape(60, 90, channels)
        assert np.array_equal(decoded(tmp_path / "i.png", channels, (99, 99)), wanted)


def test_a_grey_photograph_is_its_brightness_whether_colours_are_computed_or_not(tmp_path) -> None:
    smooth(200, 200).save(tmp_path / "i.jpg", quality=95)
    wanted = np.asarray(Image.open(tmp_path / "i.jpg").convert("L")).astype(int)
    assert np.abs(decoded(tmp_path / "i.jpg", 1, (300, 300))[..., 0].astype(int) - wanted).max() <= 2


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_an_image_is_shown_cropped_as_an_evaluation_shows_it(tmp_path, kind: str) -> None:
    smooth(300, 170).save(tmp_path / f"i.{kind}")
    pixels = decoded(tmp_path / f"i.{kind}", 3, cover_of((28, 42)))
    wanted = view(pixels, central_box(*pixels.shape[:2], (28, 42)), (28, 42))
    shown, notes = read_image(tmp_path / f"i.{kind}", channels=3, image_size=(28, 42), fit="crop")
    assert torch.equal(shown, wanted)
    assert notes == ("300x170 cropped to 255x170 and scaled to 42x28",)


def test_pillow_is_quiet_in_threads_that_overlap_and_nobody_else_is() -> None:
    from batchnorm.data._quiet_pillow import quiet_pillow

    inside, leave, before = threading.Event(), threading.Event(), list(warnings.filters)

    def other() -> None:
        with quiet_pillow():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with quiet_pillow():
        thread.start()
        inside.wait(10)
    warnings.warn_explicit("odd metadata", UserWarning, "TiffImagePlugin.py", 1, module="PIL.TiffImagePlugin")
    with pytest.warns(UserWarning, match="mine"):
        warnings.warn("mine", stacklevel=1)
    leave.set()
    thread.join()
    assert warnings.filters == before
