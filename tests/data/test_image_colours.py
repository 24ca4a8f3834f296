"""Images whose numbers are not the plain 0 to 255: read right, or refused with the reason."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batchnorm.data import read_image
from batchnorm.errors import InputError

RAMP = np.arange(784).reshape(28, 28)


def read(path: Path, channels: int = 1) -> torch.Tensor:
    return read_image(path, channels=channels, image_size=28)[0]


def grey(values: np.ndarray) -> torch.Tensor:
    """Values from 0 to 255 as a net takes them."""
    return torch.from_numpy(values.astype(np.uint8))[None]


def write_tiff(path: Path, *, bits: int, kind: int, zero: int, content: bytes) -> None:
    """An uncompressed grey TIFF of 28x28 as TIFF 6.0 lays it out; `kind` is SampleFormat, `zero` what 0 means."""
    entries = [(256, 28), (257, 28), (258, bits), (259, 1), (262, zero), (273, 134), (277, 1), (278, 28)]
    entries += [(279, len(content)), (339, kind)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in entries)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + content)


def twelve_bits(values: np.ndarray) -> bytes:
    """Two values in three bytes, row by row, the highest bits first."""
    pairs = values.reshape(-1, 2).astype(np.uint32)
    joined = pairs[:, 0] << 12 | pairs[:, 1]
    return np.stack([joined >> 16, joined >> 8 & 255, joined & 255], 1).astype(np.uint8).tobytes()


UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def test_floats_from_0_to_1_are_scaled_by_1(tmp_path) -> None:
    Image.fromarray((RAMP / 783).astype(np.float32)).save(tmp_path / "i.tif")
    assert torch.equal(
        read(tmp_path / "i.tif"), grey(np.rint((RAMP / 783).astype(np.float32).astype(np.float64) * 255))
    )


def test_a_pfm_is_read_as_a_float_tiff_is(tmp_path) -> None:
    (tmp_path / "i.pfm").write_bytes(b"Pf\n28 28\n-1.0\n" + (RAMP[::-1] / 783).astype("<f4").tobytes())
    assert torch.equal(
        read(tmp_path / "i.pfm"), grey(np.rint((RAMP / 783).astype(np.float32).astype(np.float64) * 255))
    )


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (0, 255, "holds floats from 0 to 255, and which is white is not said; scale them to 0 to 1"),
        (-1, 1, "holds floats from -1 to 1, and which is white"),
        (0, 1.001, "holds floats from 0 to 1.001, and which is white"),
        (0, np.inf, "holds numbers that are not finite"),
        (0, np.nan, "holds numbers that are not finite"),
    ],
)
def test_other_floats_are_refused(tmp_path, low: float, high: float, message: str) -> None:
    values = np.zeros((28, 28), np.float32)
    values[0, 0], values[0, 1] = low, high
    Image.fromarray(values).save(tmp_path / "i.tif")
    with pytest.raises(InputError, match=r"i\.tif: " + re.escape(message)):
        read(tmp_path / "i.tif")


@pytest.mark.parametrize(("ending", "order"), [("png", "<u2"), ("tif", "<u2"), ("tif", ">u2"), ("pgm", "<u2")])
def test_white_of_16_bits_is_the_largest_number(tmp_path, ending: str, order: str) -> None:
    Image.fromarray((RAMP * 83).astype(order)).save(tmp_path / f"i.{ending}")
    assert torch.equal(read(tmp_path / f"i.{ending}"), grey(RAMP * 83 // 257))


def test_a_pgm_of_10_bits_is_scaled_by_its_own_largest_number(tmp_path) -> None:
    (tmp_path / "i.pgm").write_bytes(b"P5 28 28 1023\n" + RAMP.astype(">u2").tobytes())
    assert (read(tmp_path / "i.pgm").int() - torch.from_numpy(RAMP * 255 // 1023)).abs().max() <= 1


def test_white_of_12_bits_is_4095(tmp_path) -> None:
    write_tiff(tmp_path / "i.tif", bits=12, kind=UNSIGNED, zero=1, content=twelve_bits(RAMP * 5))
    assert torch.equal(read(tmp_path / "i.tif"), grey(RAMP * 5 * 255 // 4095))


@pytest.mark.parametrize(("bits", "dtype", "factor"), [(8, "u1", 1 / 4), (16, "<u2", 83), (32, "<f4", 1 / 783)])
def test_a_file_in_which_zero_is_white_is_turned(tmp_path, bits: int, dtype: str, factor: float) -> None:
    values = (RAMP * factor).astype(dtype)
    write_tiff(tmp_path / "i.tif", bits=bits, kind=FLOAT if bits == 32 else UNSIGNED, zero=0, content=values.tobytes())
    scaled = {8: values, 16: values.astype(np.int64) // 257, 32: np.rint(values.astype(np.float64) * 255)}[bits]
    assert torch.equal(read(tmp_path / "i.tif"), grey(255 - scaled))


@pytest.mark.parametrize(("bits", "kind", "dtype"), [(16, SIGNED, "<i2"), (32, SIGNED, "<i4"), (32, UNSIGNED, "<u4")])
def test_whole_numbers_of_which_nothing_says_what_is_white_are_refused(
    tmp_path, bits: int, kind: int, dtype: str
) -> None:
    """From 0 to 255, to 32767, to a million: a file may count in any way, and was read as black or white."""
    write_tiff(tmp_path / "i.tif", bits=bits, kind=kind, zero=1, content=RAMP.astype(dtype).tobytes())
    with pytest.raises(InputError, match=r"i\.tif: holds whole numbers from 0 to 783, and which is white is not said"):
        read(tmp_path / "i.tif")


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_the_one_grey_that_is_transparent_becomes_black(tmp_path, mode: str) -> None:
    values = np.full((28, 28), 200, np.uint8 if mode == "L" else np.uint16) * (1 if mode == "L" else 257)
    values[:14] //= 2
    Image.fromarray(values).save(tmp_path / "i.png", transparency=int(values[20, 0]))
    pixels = read(tmp_path / "i.png")[0]
    assert pixels[14:].max() == 0
    assert pixels[:14].min() == pixels[:14].max() == 100


def test_the_one_colour_that_is_transparent_becomes_black(tmp_path) -> None:
    image = Image.new("RGB", (28, 28), (9, 80, 200))
    image.paste((1, 2, 3), (0, 0, 28, 14))
    image.save(tmp_path / "i.png", transparency=(9, 80, 200))
    pixels = read(tmp_path / "i.png", channels=3)
    assert pixels[:, 14:].max() == 0
    assert pixels[:, :14].amax((1, 2)).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("mode", "colour", "ending", "expected"),
    [
        ("1", 1, "png", 255),
        ("L", 77, "png", 77),
        ("P", 77, "png", 77),
        ("LA", (77, 255), "png", 77),
        ("LA", (200, 51), "png", 40),  # a fifth of it, on black
        ("PA", (77, 255), "tif", 77),
        ("RGB", (77, 77, 77), "bmp", 77),
        ("RGBA", (200, 200, 200, 51), "png", 40),
        ("RGBA", (200, 200, 200, 51), "tif", 40),
        ("CMYK", (0, 0, 0, 55), "tif", 200),
        ("YCbCr", (77, 128, 128), "tif", 77),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_colours_shows_the_grey_that_it_means(
    tmp_path, mode: str, colour: object, ending: str, expected: int, channels: int
) -> None:
    if mode in ("P", "PA"):
        image = Image.new("P", (28, 28), 3)
        image.putpalette([0, 0, 0] * 3 + [77, 77, 77])
        image = image.convert("PA") if mode == "PA" else image
    else:
        image = Image.new(mode, (28, 28), colour)
    image.save(tmp_path / f"i.{ending}")
    pixels = read(tmp_path / f"i.{ending}", channels)
    assert pixels.min() == pixels.max() == expected


def test_colours_that_cannot_be_converted_are_refused(tmp_path) -> None:
    Image.new("LAB", (28, 28)).save(tmp_path / "i.tif")
    with pytest.raises(InputError, match=r"i\.tif: conversion from LAB to"):
        read(tmp_path / "i.tif")
