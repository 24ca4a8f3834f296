"""Folders of small images, as somebody may have them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from batchnorm.data import FolderSource, ImageOptions, folder_source

PLAIN = ImageOptions(image_size=8, channels=3, cache_size=0, workers=0)
"""What is read at once, by this process, and not kept."""


def write_image(path: Path, seed: int = 0, size: tuple[int, int] = (10, 9)) -> Path:
    """An image of noise, of another content for each seed; `size` is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_images(root: Path, paths: Iterable[str]) -> Path:
    for path in paths:
        write_image(root / path, seed=sum(map(ord, str(path))) * 7919 + len(path))
    return root


def write_classes(root: Path, counts: dict[str, int], ending: str = "png") -> Path:
    """Folders of classes with so many images each, of all of which the content differs."""
    for place, (name, count) in enumerate(counts.items()):
        for number in range(count):
            write_image(root / name / f"{number}.{ending}", seed=1000 * place + number)
    return root


def quiet(source: FolderSource) -> tuple[FolderSource, list[str]]:
    """The source, and the list into which it says what is to be known."""
    said: list[str] = []
    return source.telling(said.append), said


def files_of(root: Path, part: str, options: ImageOptions = PLAIN) -> list[str]:
    return [path for path, _ in folder_source(root, options).listing.files[part]]
