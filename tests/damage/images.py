"""Twelve kinds of image files, and what may have happened to one."""

import io
import random
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from .mutations import damaged_bytes

RNG = np.random.default_rng(0)
PIXELS = np.repeat(np.repeat(RNG.integers(0, 256, (10, 12, 3), dtype=np.uint8), 4, 0), 4, 1)
PICTURE = Image.fromarray(PIXELS)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _with_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _transparent() -> Image.Image:
    image = PICTURE.convert("RGBA")
    image.putalpha(Image.fromarray(PIXELS[..., 0]))
    return image


FORMATS: dict[str, Callable[[], bytes]] = {
    "baseline.jpg": lambda: _saved(PICTURE, "JPEG", exif=_with_exif(6)),
    "progressive.jpg": lambda: _saved(PICTURE, "JPEG", progressive=True),
    "cmyk.jpg": lambda: _saved(PICTURE.convert("CMYK"), "JPEG"),
    "colours.png": lambda: _saved(PICTURE, "PNG", exif=_with_exif(3)),
    "sixteen.png": lambda: _saved(Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257), "PNG"),
    "palette.png": lambda: _saved(_transparent().quantize(32), "PNG"),
    "lossy.webp": lambda: _saved(_transparent(), "WEBP"),
    "lossless.webp": lambda: _saved(PICTURE, "WEBP", lossless=True),
    "plain.bmp": lambda: _saved(PICTURE, "BMP"),
    "moving.gif": lambda: _saved(PICTURE, "GIF", save_all=True, append_images=[PICTURE.rotate(180)]),
    "packed.tif": lambda: _saved(PICTURE, "TIFF", compression="tiff_lzw", exif=_with_exif(8)),
    "floats.tif": lambda: _saved(Image.fromarray((PIXELS[..., 0] / 255).astype(np.float32)), "TIFF"),
}


def damaged(name: str, seed: int) -> bytes:
    """A file of one kind with some damage, of one kind or of two; every fifth says that it is huge."""
    rng = random.Random(f"{name} {seed}")  # noqa: S311 - no secret
    content = FORMATS[name]()
    if seed % 5 == 4:
        content = _said_to_be_huge(content, rng)
    return damaged_bytes(damaged_bytes(content, rng), rng) if seed % 2 else damaged_bytes(content, rng)


def _said_to_be_huge(content: bytes, rng: random.Random) -> bytes:
    """Width or height, wherever they stand and in whatever order of bytes, are others."""
    for side in (PICTURE.width, PICTURE.height):
        for form in ("<H", ">H", "<I", ">I"):
            huge = rng.choice((2**15 - 1, 2**16 - 1, 2**13))
            content = content.replace(struct.pack(form, side), struct.pack(form, huge), 1)
    return content
