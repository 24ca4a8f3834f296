"""Arrays that memory does not hold twice: their images are read from the file one by one, the same bit for bit."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from batchnorm.data import Augmentation, Batches, Normalization, Source, open_source
from batchnorm.errors import InputError
from batchnorm.files import _memory

from .files import idx, pixels

pytestmark = pytest.mark.usefixtures("one_thread")
TRAIN, TEST = 40, 9


def write_npz(folder: Path, shape: tuple[int, ...], save=np.savez) -> Path:
    save(
        folder / "own.npz",
        x_train=pixels(TRAIN, *shape),
        y_train=np.arange(TRAIN) % 3,
        x_test=pixels(TEST, *shape, seed=1),
        y_test=np.arange(TEST) % 3,
    )
    return folder / "own.npz"


def write_idx(folder: Path, shape: tuple[int, ...]) -> Path:
    for prefix, count, seed in (("train", TRAIN, 0), ("t10k", TEST, 1)):
        name = f"{prefix}-images-idx{1 + len(shape)}-ubyte"
        (folder / name).write_bytes(idx(pixels(count, *shape, seed=seed)))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx((np.arange(count) % 3).astype(np.uint8)))
    return folder


FILES = {
    "npz, grey": lambda folder: write_npz(folder, (8, 10)),
    "npz, colours last": lambda folder: write_npz(folder, (8, 10, 3)),
    "npz, colours first": lambda folder: write_npz(folder, (3, 8, 10)),
    "IDX, grey": lambda folder: write_idx(folder, (8, 10)),
    "IDX, in colour": lambda folder: write_idx(folder, (8, 10, 3)),
}


@pytest.fixture
def little_memory(monkeypatch):
    """As much as the training images take, and half as much again."""
    size = []

    def take(source: Source) -> None:
        size.append(source.info.train_size * np.prod(source.info.image_shape))
        monkeypatch.setattr(_memory, "free_memory", lambda: int(size[0] * 1.5))

    return take


def batches(source: Source) -> list[Tensor]:
    train = source.load("train")
    normalization = Normalization.of(train.images)
    augmentation = Augmentation(flip=True, shift=1, crop=0.5)
    made = Batches(train, 8, normalization, augmentation=augmentation, shuffle=True)
    return [images for images, _ in made.epoch(seed=3, epoch=1)]


@pytest.mark.parametrize("kind", FILES)
def test_batches_are_those_of_images_in_memory_bit_for_bit(tmp_path, little_memory, kind: str) -> None:
    source = open_source(str(FILES[kind](tmp_path)))
    kept = batches(source)
    little_memory(source)
    assert not isinstance(source.load("train").images, Tensor)
    assert isinstance(source.load("test").images, Tensor)
    for one, other in zip(kept, batches(source), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["npz, grey", "IDX, grey"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_file_that_changes_while_it_is_read_ends_in_one_sentence(tmp_path, little_memory, kind, damage: str) -> None:
    path = FILES[kind](tmp_path)
    source = open_source(str(path))
    little_memory(source)
    train = source.load("train")
    file = path if path.is_file() else path / "train-images-idx3-ubyte"
    content = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(content[:-100])
        case "changed":
            file.write_bytes(content[::-1])
            os.utime(file, ns=(0, 0))
        case "gone":
            file.unlink()
    with pytest.raises(InputError, match=f"{file.name}: (was changed since it was opened|cannot be read any more)"):
        train.read(torch.arange(3))


def test_zips_checksum_is_compared_before_the_first_image(tmp_path, little_memory) -> None:
    path = FILES["npz, grey"](tmp_path)
    source = open_source(str(path))
    content = bytearray(path.read_bytes())
    content[600] ^= 1
    path.write_bytes(content)
    little_memory(source)
    with pytest.raises(InputError, match=r"own\.npz: cannot be read as an \.npz file \(BadZipFile: Bad CRC"):
        source.load("train")


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_file_of_another_length_than_its_header_says_is_refused(tmp_path, little_memory, extra: bytes) -> None:
    folder = FILES["IDX, grey"](tmp_path)
    source = open_source(str(folder))
    little_memory(source)
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes() + extra if extra else file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte: expected 3200 values, got a file of \d+ bytes"):
        source.load("train")


def test_what_is_packed_and_larger_than_memory_is_refused(tmp_path, monkeypatch) -> None:
    path = write_npz(tmp_path, (8, 10), np.savez_compressed)
    source = open_source(str(path))
    monkeypatch.setattr(_memory, "free_memory", lambda: TRAIN * 80)
    with pytest.raises(InputError, match=r"it takes 0\.0 GB of memory, and 0\.0 GB are free; .* numpy\.savez"):
        source.load("train")
