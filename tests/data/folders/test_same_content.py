"""Is it said when a test image is a training image, too, whatever it is called?"""

import shutil

from batchnorm.data import folder_source

from .writing import PLAIN, quiet, write_classes, write_image


def test_an_image_in_train_and_test_is_named_whatever_it_is_called(tmp_path) -> None:
    write_classes(tmp_path / "train", {"a": 3, "b": 3})
    for name in "ab":
        write_image(tmp_path / "test" / name / "0.png", seed=77)
    shutil.copy(tmp_path / "train" / "a" / "1.png", tmp_path / "test" / "b" / "other.png")
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("train")
    assert said == [
        "1 test image is a training image, too, byte for byte, so that the test flatters: "
        "train/a/1.png = test/b/other.png"
    ]


def test_many_are_counted_and_some_are_named(tmp_path) -> None:
    write_classes(tmp_path / "train", {"a": 5, "b": 5})
    shutil.copytree(tmp_path / "train", tmp_path / "test")
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("train")
    assert said[0].startswith("10 test images are training images, too, byte for byte")
    assert said[0].endswith("train/a/2.png = test/a/2.png and 7 more")


def test_images_that_only_look_alike_or_are_twice_in_one_part_say_nothing(tmp_path) -> None:
    write_classes(tmp_path / "train", {"a": 3, "b": 3})
    for name in "ab":
        write_image(tmp_path / "test" / name / "0.png", seed=77 + ord(name))
    shutil.copy(tmp_path / "train" / "a" / "1.png", tmp_path / "train" / "a" / "again.png")
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("train")
    assert said == []


def test_a_link_to_a_training_image_is_the_same(tmp_path) -> None:
    write_classes(tmp_path / "train", {"a": 3, "b": 3})
    for name in "ab":
        write_image(tmp_path / "test" / name / "0.png", seed=77 + ord(name))
    (tmp_path / "test" / "a" / "linked.png").symlink_to(tmp_path / "train" / "b" / "2.png")
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("train")
    assert said[0].endswith("train/b/2.png = test/a/linked.png")
