"""An `.npz` file of images and labels: every layout and kind of number that is meant, and nothing that is code."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from batchnorm.data import open_source
from batchnorm.data.arrays import _npz
from batchnorm.errors import InputError
from batchnorm.files import _memory

from .files import pixels

LABELS = {"y_train": np.array([0, 1, 2, 0]), "y_test": np.array([2, 1])}


def save(folder: Path, save=np.savez, **changes) -> str:
    """Four images to train on and two to test on; an array that is changed to None is left out."""
    values = {"x_train": pixels(4, 5, 6), "x_test": pixels(2, 5, 6, seed=1), **LABELS, **changes}
    path = folder / "own.npz"
    save(path, **{name: value for name, value in values.items() if value is not None})
    return str(path)


def images_of(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {"x_train": pixels(4, *shape), "x_test": pixels(2, *shape, seed=1)}


LAYOUTS = {
    "grey": ((5, 6), lambda x: x[:, None]),
    "grey, colours last": ((5, 6, 1), lambda x: x.transpose(0, 3, 1, 2)),
    "grey, colours first": ((1, 5, 6), lambda x: x),
    "colours last": ((5, 6, 3), lambda x: x.transpose(0, 3, 1, 2)),
    "colours first": ((3, 5, 6), lambda x: x),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("save_by", [np.savez, np.savez_compressed])
def test_every_layout_becomes_colours_rows_and_columns(tmp_path, layout: str, save_by) -> None:
    shape, expected = LAYOUTS[layout]
    values = images_of(shape)
    source = open_source(save(tmp_path, save_by, **values))
    for part in ("train", "test"):
        images = source.load(part).images
        assert torch.equal(images, torch.from_numpy(np.ascontiguousarray(expected(values[f"x_{part}"]))))
        assert tuple(images.shape[1:]) == source.info.image_shape


@pytest.mark.parametrize(
    "made",
    [
        np.asfortranarray,
        lambda x: x.astype(np.int8) if x.max() < 128 else x.astype(np.int16),
        lambda x: x.astype(">i4"),
        lambda x: x.astype("<u8"),
        lambda x: x.astype(">u2"),
        lambda x: x / 255,
        lambda x: (x / 255).astype(np.float32),
        lambda x: (x / 255).astype(">f8"),
        lambda x: x.astype(np.longdouble) / 255,
    ],
    ids=["columns first", "i2", ">i4", "u8", ">u2", "f8", "f4", ">f8", "long"],
)
def test_numbers_of_every_kind_that_stand_for_bytes_are_those_bytes(tmp_path, made) -> None:
    values = images_of((5, 6))
    path = save(tmp_path, **{name: made(value) for name, value in values.items()})
    assert torch.equal(open_source(path).load("train").images, torch.from_numpy(values["x_train"])[:, None])


def test_booleans_are_black_and_hardly_less(tmp_path) -> None:
    values = {name: value > 127 for name, value in images_of((5, 6)).items()}
    images = open_source(save(tmp_path, **values)).load("test").images
    assert torch.equal(images[:, 0], torch.from_numpy(values["x_test"]).to(torch.uint8))


LABELS_OF_KINDS = {
    "bytes": (np.array([0, 1, 2, 0], np.uint8), np.array([2, 1], np.uint8), ("0", "1", "2")),
    "a column": (np.array([[0], [1], [2], [0]]), np.array([[2], [1]]), ("0", "1", "2")),
    "floats": (np.array([0.0, 1.0, 2.0, 0.0]), np.array([2.0, 1.0]), ("0", "1", "2")),
    "with gaps": (np.array([10, 20, 30, 10]), np.array([30, 20]), ("10", "20", "30")),
    "words": (np.array(["ant", "bee", "cat", "ant"]), np.array(["cat", "bee"]), ("ant", "bee", "cat")),
    "words in bytes": (np.array([b"ant", b"bee", b"cat", b"ant"]), np.array([b"cat", b"bee"]), ("ant", "bee", "cat")),
    "of another order": (np.array([0, 1, 2, 0], ">i8"), np.array([2, 1], ">i8"), ("0", "1", "2")),
}


@pytest.mark.parametrize("kind", LABELS_OF_KINDS)
def test_labels_are_places_among_the_classes_that_training_has(tmp_path, kind: str) -> None:
    train, test, classes = LABELS_OF_KINDS[kind]
    source = open_source(save(tmp_path, y_train=train, y_test=test))
    assert source.info.classes == classes
    assert source.load("train").labels.tolist() == [0, 1, 2, 0]
    assert source.load("test").labels.tolist() == [2, 1]


def test_classes_are_called_as_the_file_says(tmp_path) -> None:
    source = open_source(save(tmp_path, classes=np.array(["ant", "bee", "cat"])))
    assert source.info.classes == ("ant", "bee", "cat")


def test_a_file_of_python_2_is_read_without_a_warning(tmp_path) -> None:
    path = save(tmp_path)
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4L, 5L, 6L), }".ljust(117) + b"\n"
    rewritten(path, "x_train", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(range(120)))
    assert open_source(path).load("train").images.flatten().tolist() == [*range(120)]


def test_the_names_of_medmnist_are_known_too(tmp_path) -> None:
    train, test = pixels(4, 5, 6), pixels(2, 5, 6)
    np.savez(
        tmp_path / "m.npz",
        train_images=train,
        train_labels=LABELS["y_train"],
        val_images=test,
        test_images=test,
        test_labels=LABELS["y_test"],
    )
    assert len(open_source(str(tmp_path / "m.npz")).load("test")) == 2


WRONG = {
    "no test labels": ({"y_test": None}, r"it lacks y_test, and has x_test, x_train, y_train\)"),
    "two colours": (images_of((5, 6, 2)), r"expected images of shape .* with C = 1 or 3, got \(4, 5, 6, 2\)"),
    "colours at either end": (images_of((3, 6, 3)), "where the colours may be first or last"),
    "flat images": (images_of((30,)), r"expected images of shape .* got \(4, 30\)"),
    "words for images": ({"x_train": np.array(["a"] * 4)}, "expected numbers, got <U1"),
    "fractions": ({"x_train": pixels(4, 5, 6) / 200}, "expected bytes, or floats from 0 to 1 as ToTensor"),
    "no numbers": ({"x_train": np.full((4, 5, 6), np.nan)}, "got float64 from nan to nan"),
    "16 bits": ({"x_train": pixels(4, 5, 6).astype(np.uint16) * 257}, r"got int64 from .* to 6"),
    "complex numbers": ({"x_train": pixels(4, 5, 6) * 1j}, "expected numbers in its x_train, got complex128"),
    "a label too many": ({"y_test": np.array([1, 2, 0])}, "a label for each image in test, got 2 images, 3 labels"),
    "one-hot": ({"y_train": np.eye(4)[:, :3]}, r"labels of shape \(N,\), got \(4, 3\)\. Of one-hot rows"),
    "half a label": ({"y_train": np.array([0, 0.5, 1, 0])}, "expected whole numbers, got fractions"),
    "no label": ({"y_train": np.array([0, -1, 1, 0])}, "expected labels of at least 0, got -1 to 1"),
    "infinite labels": ({"y_train": np.array([0, np.inf, 1, 0])}, "expected whole numbers, got fractions"),
    "words and numbers": ({"y_test": np.array(["2", "1"])}, "expected words in both or numbers in both"),
    "one class": ({"y_train": np.zeros(4, int), "y_test": np.zeros(2, int)}, "at least two classes, got 0 alone"),
    "an unknown class": ({"y_test": np.array([2, 7])}, "y_test: has labels that .* does not have: 7"),
    "a class without images": ({"classes": np.array(list("abcd"))}, "y_train: has no image of d"),
    "too few names": ({"classes": np.array(list("ab"))}, "expected labels from 0 to 1, the classes' numbers, got 2"),
    "names twice": ({"classes": np.array(["a", "b", "a"])}, "expected a name of its own for each class"),
    "numbers as names": ({"classes": np.arange(3)}, "expected classes to be words, got int64"),
    "objects": ({"y_train": np.array([0, 1, 2, None])}, "Python objects, which are pickles and could run code"),
    "records": ({"x_train": np.zeros(4, [("a", "u1")])}, "expected numbers in its x_train"),
    "dates": ({"y_train": np.array(["2020-01-01"] * 4, "M8[D]")}, "expected numbers in its y_train"),
    "no image": ({"x_test": pixels(0, 5, 6), "y_test": np.array([], int)}, "at least one image in test"),
    "test images of another size": ({"x_test": pixels(2, 6, 6)}, "got 1x5x6 and 1x6x6"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_meant_is_refused_in_one_sentence_that_names_the_file(tmp_path, case: str) -> None:
    changes, message = WRONG[case]
    path = save(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as e:
        open_source(path).load("train")
    assert path in str(e.value)
    assert len(str(e.value)) < 700


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("name", ["x_train", "y_train", "classes"])
def test_code_in_the_file_is_not_run(tmp_path, name: str) -> None:
    path = save(tmp_path, **{name: np.array([Payload(tmp_path / "made")] * 4, dtype=object)})
    with pytest.raises(InputError, match="could run code"):
        open_source(path)
    assert not (tmp_path / "made").exists()


def rewritten(path: str, name: str, content: bytes) -> None:
    """Put other bytes into the place of one array."""
    with zipfile.ZipFile(path) as old:
        members = {entry: old.read(entry) for entry in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry, was in members.items():
            new.writestr(entry, content if entry == f"{name}.npy" else was)


def header(shape: object, descr: str = "|u1") -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue()


ODD_ARRAYS = {
    "more than there is": header((10**12, 5, 6)) + bytes(100),
    "less than there is": header((4, 5, 5)) + bytes(120),
    "a negative side": header((-4, -5, 6)) + bytes(120),
    "many empty sides": header((10**18, 10**18, 0)),
    "no header": b"x" * 120,
    "nothing": b"",
    "a pickle": pickle.dumps([1, 2, 3]),
    "an endless header": b"\x93NUMPY\x02\x00" + b"\xff\xff\xff\x7f" + b" " * 10**6,
    "code in the header": b"\x93NUMPY\x01\x00\x46\x00" + b"{'descr': __import__('os').mkdir('made')}".ljust(70),
}


@pytest.mark.parametrize("case", ODD_ARRAYS)
def test_an_array_that_lies_about_itself_is_refused(tmp_path, case: str, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path)
    rewritten(path, "x_train", ODD_ARRAYS[case])
    with pytest.raises(InputError, match=r"own\.npz: "):
        open_source(path)
    assert not (tmp_path / "made").exists()


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch) -> None:
    """Four megabytes of zeros in four kilobytes: nothing behind the header is read."""
    path = save(tmp_path, x_test=np.zeros((2, 2**10, 2**10), np.uint8))
    rewritten(path, "x_train", header((4, 2**10, 2**10)) + bytes(2**22))
    monkeypatch.setattr(_memory, "_ALWAYS", 2**20)
    source = open_source(path)
    monkeypatch.setattr(_npz, "read_array", lambda archive, name, header: pytest.fail(f"{name} is read"))
    with pytest.raises(InputError, match=r"say that they unpack to 0\.0 GB, which no data set does"):
        source.load("train")


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused_with_the_way_to_make_one(tmp_path, content: bytes) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as an \.npz file .* Make it by numpy\.savez"):
        open_source(str(path))
