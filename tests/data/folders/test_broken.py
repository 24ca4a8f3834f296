"""Are broken images named, counted and left out while they are few, and refused when they are not?"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batchnorm.data import DataWarning, folder_source
from batchnorm.errors import InputError

from .writing import PLAIN, quiet, write_image


def many(root: Path, count: int, broken: int) -> Path:
    """Two classes with so many training images, of which some hold text, and one test image each."""
    for name in "ab":
        write_image(root / "test" / name / "1.png", 1)
        (root / "train" / name).mkdir(parents=True)
    first = write_image(root / "first.png")
    for number in range(count):
        shutil.copy(first, root / "train" / "ab"[2 * number >= count] / f"{number:04}.png")
    for number in range(broken):
        (root / "train" / "a" / f"{number + 3:04}.png").write_text("no image")
    first.unlink()
    return root


def test_below_one_in_a_hundred_they_are_left_out_named_and_counted(tmp_path) -> None:
    source, said = quiet(folder_source(many(tmp_path, 301, 3), PLAIN))
    train = source.load("train")
    assert len(train) == 298
    assert said == [
        "3 of 301 train images cannot be read and are left out: train/a/0003.png, train/a/0004.png, train/a/0005.png"
    ]
    assert torch.bincount(train.labels).tolist() == [148, 150]


@pytest.mark.parametrize("count", [300, 150])
def test_one_in_a_hundred_is_refused(tmp_path, count: int) -> None:
    source, _ = quiet(folder_source(many(tmp_path, count, 3), PLAIN))
    with pytest.raises(InputError, match=rf"3 of {count} train images cannot be read, of which fewer than 1 % would"):
        source.load("train")


def test_broken_test_images_are_refused_before_the_training(tmp_path) -> None:
    many(tmp_path, 20, 0)
    (tmp_path / "test" / "a" / "1.png").write_text("no image")
    source, _ = quiet(folder_source(tmp_path, PLAIN))
    with pytest.raises(InputError, match="1 of 2 test images cannot be read"):
        source.load("train")


def test_a_class_of_which_no_image_can_be_read_is_refused(tmp_path) -> None:
    many(tmp_path, 201, 0)
    write_image(tmp_path / "train" / "c" / "1.png").write_text("no image")
    write_image(tmp_path / "test" / "c" / "1.png")
    source, _ = quiet(folder_source(tmp_path, PLAIN))
    with pytest.raises(InputError, match=r"no train image can be read of c\. Mend them, or remove the class"):
        source.load("train")


def test_a_link_that_leads_nowhere_is_a_broken_image(tmp_path) -> None:
    many(tmp_path, 201, 0)
    (tmp_path / "train" / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("train")
    assert said == ["1 of 202 train images cannot be read and are left out: train/a/gone.png"]


def test_who_listens_to_nobody_is_warned(tmp_path) -> None:
    source = folder_source(many(tmp_path, 201, 1), PLAIN)
    with pytest.warns(DataWarning, match="1 of 201 train images cannot be read and are left out"):
        source.load("train")


def test_the_labels_are_those_of_the_images_that_are_left(tmp_path) -> None:
    many(tmp_path, 201, 2)
    for place, name in enumerate("ab"):
        for path in (tmp_path / "train" / name).iterdir():
            if path.read_bytes()[:1] != b"n":
                Image.fromarray(np.full((8, 8, 3), 100 * place, dtype=np.uint8)).save(path)
    source, _ = quiet(folder_source(tmp_path, PLAIN))
    train = source.load("train")
    pixels = train.read(torch.arange(len(train)))
    assert torch.equal(pixels[:, 0, 0, 0].long(), 100 * train.labels)
