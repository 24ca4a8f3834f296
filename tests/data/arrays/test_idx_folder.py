"""A folder of IDX files: packed or not, grey or in colour, whatever its labels are."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from batchnorm.data import open_source
from batchnorm.data.arrays import _idx
from batchnorm.errors import InputError

from .files import idx, pixels

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def arrays(*shape: int) -> tuple[np.ndarray, ...]:
    train, test = pixels(6, *shape), pixels(3, *shape, seed=1)
    return train, np.array([0, 1, 2, 0, 1, 2], np.uint8), test, np.array([2, 1, 0], np.uint8)


def write(folder: Path, values: tuple[np.ndarray, ...], names: tuple[str, ...] = NAMES) -> Path:
    for name, array in zip(names, values, strict=True):
        content = idx(array)
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder


@pytest.mark.parametrize(
    "names",
    [
        NAMES,
        tuple(f"{name}.gz" for name in NAMES),
        tuple(name.replace("-idx", ".idx") for name in NAMES),
        tuple(name.replace("t10k", "test").upper() for name in NAMES),
        tuple(f"emnist-letters-{name.replace('t10k', 'test')}" for name in NAMES),
        (*NAMES[:2], *(f"{name}.gz" for name in NAMES[2:])),
    ],
    ids=lambda names: names[0],
)
def test_the_four_files_are_found_by_the_names_that_such_sets_have(tmp_path, names) -> None:
    values = arrays(4, 5)
    source = open_source(str(write(tmp_path, values, names)))
    assert torch.equal(source.load("train").images, torch.from_numpy(values[0])[:, None])
    assert torch.equal(source.load("test").images, torch.from_numpy(values[2])[:, None])
    assert source.load("test").labels.tolist() == [2, 1, 0]


def test_the_sizes_come_from_the_headers(tmp_path) -> None:
    info = open_source(str(write(tmp_path, arrays(4, 5)))).info
    assert (info.image_shape, info.train_size, info.test_size) == ((1, 4, 5), 6, 3)
    assert (info.name, info.classes) == (str(tmp_path), ("0", "1", "2"))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_four_dimensions_have_their_colours_last(tmp_path, channels: int) -> None:
    values = arrays(4, 5, channels)
    source = open_source(str(write(tmp_path, values, tuple(name.replace("idx3", "idx4") for name in NAMES))))
    assert torch.equal(source.load("train").images, torch.from_numpy(values[0]).permute(0, 3, 1, 2))


def test_labels_that_begin_at_one_are_as_many_classes_as_there_are(tmp_path) -> None:
    train, labels, test, few = arrays(4, 5)
    source = open_source(str(write(tmp_path, (train, labels + 1, test, few + 1))))
    assert (source.info.classes, source.load("test").labels.tolist()) == (("1", "2", "3"), [2, 1, 0])


def test_of_a_file_and_its_packed_twin_the_one_that_is_not_packed_is_read(tmp_path) -> None:
    write(tmp_path, arrays(4, 5))
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"another")
    assert len(open_source(str(tmp_path)).load("train")) == 6


def change(place: int, array: np.ndarray) -> tuple[np.ndarray, ...]:
    values = [*arrays(4, 5)]
    values[place] = array
    return tuple(values)


WRONG = {
    "a label too few": (change(1, np.arange(5) % 3), "expected a label for each image in train"),
    "no test image": (change(2, pixels(0, 4, 5)), "expected at least one image in test"),
    "other test images": (change(2, pixels(3, 5, 5)), "expected images of one size .* got 1x4x5 and 1x5x5"),
    "one class": (change(1, np.full(6, 7, np.uint8)), "expected at least two classes, got 7 alone"),
    "a class that training lacks": (change(3, np.array([2, 9, 0], np.uint8)), "labels that .* does not have: 9"),
    "two colours": (change(0, pixels(6, 4, 5, 2)), r"expected images of shape \(N, H, W\) or .* got \(6, 4, 5, 2\)"),
    "images of no pixels": (change(0, pixels(6, 0, 5)), "expected images of one size"),
    "labels in rows": (change(1, np.zeros((6, 2), np.uint8)), r"labels of shape \(N,\), got \(6, 2\)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_said_in_one_sentence(tmp_path, case: str) -> None:
    values, message = WRONG[case]
    write(tmp_path, tuple(value.astype(np.uint8) for value in values))
    with pytest.raises(InputError, match=message) as e:
        open_source(str(tmp_path))
    assert str(tmp_path) in str(e.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_lacks_is_named(tmp_path, name: str) -> None:
    write(tmp_path, arrays(4, 5))
    (tmp_path / name).unlink()
    part, kind = "train" if "train" in name else "test", "images" if "images" in name else "labels"
    with pytest.raises(InputError, match=f"lacks the IDX files of {part} {kind}"):
        open_source(str(tmp_path))


def test_the_files_of_two_sets_in_one_folder_are_not_guessed_among(tmp_path) -> None:
    for prefix in ("", "emnist-letters-"):
        write(tmp_path, arrays(4, 5), tuple(prefix + name for name in NAMES))
    with pytest.raises(
        InputError, match=r"expected the IDX files of one data set, got those of 2, .* 'emnist-letters-'"
    ):
        open_source(str(tmp_path))


def test_files_that_change_behind_the_opening_are_noticed(tmp_path) -> None:
    source = open_source(str(write(tmp_path, arrays(4, 5))))
    write(tmp_path, change(0, pixels(5, 4, 5)))
    with pytest.raises(InputError, match="have changed since they were opened"):
        source.load("train")


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_says_more_than_there_is_costs_no_memory(tmp_path, packed: bool) -> None:
    write(tmp_path, arrays(4, 5))
    name = tmp_path / NAMES[1]
    content = bytes([0, 0, 8, 1]) + struct.pack(">I", 2**32 - 1) + bytes(10)
    name.unlink()
    (tmp_path / f"{NAMES[1]}.gz" if packed else name).write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match="which no data set does" if packed else "but the file is cut off"):
        open_source(str(tmp_path))


def test_what_unpacks_to_a_hundred_times_its_size_is_not_unpacked(tmp_path, monkeypatch) -> None:
    read = []
    monkeypatch.setattr(_idx, "_body", lambda file, count: read.append(count))
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 2]) + struct.pack(">2I", 2**31, 1) + bytes(1000)))
    with pytest.raises(InputError, match=r"say that they unpack to 2\.1 GB, which no data set does"):
        _idx.read_idx(path)
    assert not read


@pytest.mark.parametrize("kind", [9, 11, 12, 13, 14])
def test_numbers_of_another_kind_are_refused(tmp_path, kind: int) -> None:
    write(tmp_path, arrays(4, 5))
    content = bytearray((tmp_path / NAMES[0]).read_bytes())
    content[2] = kind
    (tmp_path / NAMES[0]).write_bytes(content)
    with pytest.raises(InputError, match="expected an IDX file that begins with 00000803, got 0000"):
        open_source(str(tmp_path))
