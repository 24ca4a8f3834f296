"""Are test images drawn from a folder that has none, the same share of each class, and always the same ones?"""

from collections import Counter
from dataclasses import replace

import pytest

from batchnorm.data import folder_source

from .writing import PLAIN, files_of, quiet, write_classes


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_the_share_of_each_class_is_that_which_was_asked_for(tmp_path, fraction: float) -> None:
    counts = {"a": 8, "b": 20, "c": 3}
    write_classes(tmp_path, counts)
    options = replace(PLAIN, test_fraction=fraction)
    found = Counter(path[0] for path in files_of(tmp_path, "test", options))
    assert found == Counter({name: round(count * fraction) for name, count in counts.items()})


def test_no_image_is_drawn_twice_or_lost(tmp_path) -> None:
    write_classes(tmp_path, {"a": 7, "b": 9})
    both = files_of(tmp_path, "train") + files_of(tmp_path, "test")
    assert sorted(both) == sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*.png"))


def test_the_seed_says_which_and_nothing_else(tmp_path) -> None:
    write_classes(tmp_path, {"a": 20, "b": 20})
    drawn = [files_of(tmp_path, "test", replace(PLAIN, seed=seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_class_keeps_its_last_image_for_training_and_it_is_said(tmp_path) -> None:
    write_classes(tmp_path, {"a": 10, "b": 1})
    source, said = quiet(folder_source(tmp_path, replace(PLAIN, test_fraction=0.9)))
    source.load("train")
    assert [path for path in files_of(tmp_path, "train", replace(PLAIN, test_fraction=0.9)) if path[0] == "b"]
    assert said == ["9 of 11 images are drawn for testing", "too few images to keep one for testing: b"]
