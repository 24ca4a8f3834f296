"""Small photographs of several sizes, an empty cache, and what is kept in it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batchnorm.data.store import Stored, stored

SIZES = ((40, 30), (30, 40), (8, 8), (64, 16), (9, 21), (33, 33))
"""Width and height; the third is that of the net."""
SIZE = 8
PLENTY = 10**7


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """The folder of what is kept, which is not there yet."""
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture
def write_photos(tmp_path) -> Callable[..., list[Path]]:
    """Write one of each size into a folder, and return where they lie."""

    def write(name: str, seed: int = 0) -> list[Path]:
        rng = np.random.default_rng(seed)
        (tmp_path / name).mkdir()
        files = [tmp_path / name / f"{number}.png" for number in range(len(SIZES))]
        for file, (width, height) in zip(files, SIZES, strict=True):
            Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(file)
        return files

    return write


@pytest.fixture
def photos(write_photos) -> list[Path]:
    return write_photos("photos")


@pytest.fixture
def kept() -> Callable[..., Stored]:
    """Look through files, with room for all."""

    def look(files: list[Path], **options: object) -> Stored:
        given = {"cache_size": PLENTY, "workers": 2, **options}
        return stored(files, 3, given.pop("size", SIZE), **given)

    return look
