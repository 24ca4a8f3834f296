"""Is a folder of images understood however its user has laid it out, or refused with what is odd about it?"""

import os
import unicodedata

import pytest

from batchnorm.data import ImageOptions, folder_source
from batchnorm.errors import InputError

from .writing import PLAIN, files_of, quiet, write_classes, write_image, write_images


def test_train_and_test_are_taken_as_they_are(tmp_path) -> None:
    write_images(tmp_path, ["train/a/1.png", "train/b/1.png", "test/a/2.png", "test/b/2.png"])
    assert files_of(tmp_path, "train") == ["train/a/1.png", "train/b/1.png"]
    assert files_of(tmp_path, "test") == ["test/a/2.png", "test/b/2.png"]


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_val_holds_the_test_images_where_there_is_no_test_and_it_is_said(tmp_path, val: str) -> None:
    write_images(tmp_path, ["Train/a/1.png", "Train/b/1.png", f"{val}/a/2.png", f"{val}/b/2.png"])
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("test")
    assert files_of(tmp_path, "test") == [f"{val}/a/2.png", f"{val}/b/2.png"]
    assert said == [f"{val} holds the test images, for there is no test"]


def test_val_beside_test_is_left_out_and_it_is_said(tmp_path) -> None:
    for part in ("train", "test", "val"):
        write_images(tmp_path, [f"{part}/a/1.png", f"{part}/b/1.png"])
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("test")
    assert {path.split("/")[0] for part in ("train", "test") for path in files_of(tmp_path, part)} == {"train", "test"}
    assert said == ["val is left out: images to validate on are held out of train"]


def test_train_alone_is_divided(tmp_path) -> None:
    write_classes(tmp_path / "train", {"a": 5, "b": 5})
    assert len(files_of(tmp_path, "train")) == 8
    assert len(files_of(tmp_path, "test")) == 2


def test_a_class_may_be_called_train(tmp_path) -> None:
    write_classes(tmp_path, {"bus": 5, "car": 5, "train": 5, "test": 5})
    assert folder_source(tmp_path, PLAIN).info.classes == ("bus", "car", "test", "train")


def test_train_and_test_without_folders_of_classes_are_refused_and_not_taken_for_classes(tmp_path) -> None:
    write_images(tmp_path, ["train/cat.1.png", "train/dog.1.png", "test/1.png"])
    with pytest.raises(InputError, match=r"train: expected a folder for each class, found none. It takes train/CLASS"):
        folder_source(tmp_path, PLAIN)


def test_a_train_that_may_be_a_part_or_a_class_is_refused(tmp_path) -> None:
    write_images(tmp_path, ["train/a/1.png", "train/b/1.png", "more/1.png"])
    with pytest.raises(
        InputError, match=r"expected test beside train, or train alone, found more; if train is a class"
    ):
        folder_source(tmp_path, PLAIN)


def test_test_without_train_is_refused(tmp_path) -> None:
    write_images(tmp_path, ["test/a/1.png", "test/b/1.png"])
    with pytest.raises(InputError, match="expected train beside test, found none"):
        folder_source(tmp_path, PLAIN)


def test_folders_inside_a_class_belong_to_it_and_endings_may_be_upper_case(tmp_path) -> None:
    write_images(tmp_path, ["a/x/y/1.png", "a/2.PNG", "a/x/3.Jpeg", "b/1.TIF", "b/2.gif", "b/3.bmp", "b/4.WEBP"])
    kept = folder_source(tmp_path, ImageOptions(test_fraction=0.01))
    assert [path for path, _ in kept.listing.files["train"]] == [
        "a/2.PNG", "a/x/3.Jpeg", "a/x/y/1.png", "b/1.TIF", "b/2.gif", "b/3.bmp", "b/4.WEBP",
    ]  # fmt: skip


def test_what_is_hidden_is_passed_over(tmp_path) -> None:
    write_images(tmp_path, ["a/1.png", "a/.2.png", "a/.ipynb_checkpoints/1.png", "b/1.png", "b/._1.png"])
    write_images(tmp_path, [".cache/1.png", "__MACOSX/a/1.png"])
    assert files_of(tmp_path, "train") == ["a/1.png", "b/1.png"]


def test_other_files_are_passed_over_and_it_is_said(tmp_path) -> None:
    write_images(tmp_path, ["a/1.png", "b/1.png", "loose.png"])
    for name in ("a/labels.csv", "b/photo.heic", "README"):
        (tmp_path / name).write_text("no image")
    source, said = quiet(folder_source(tmp_path, PLAIN))
    source.load("train")
    assert f"{tmp_path}: left out, for they are in no folder of a class: loose.png" in said
    assert "2 files are no images, passed over: a/labels.csv, b/photo.heic" in said


def test_links_are_followed(tmp_path) -> None:
    write_image(tmp_path / "elsewhere" / "1.png", seed=1)
    write_image(tmp_path / "elsewhere" / "folder" / "2.png", seed=2)
    write_images(tmp_path / "set", ["b/1.png"])
    (tmp_path / "set" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "b" / "linked.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    assert files_of(tmp_path / "set", "train") == ["a/1.png", "a/folder/2.png", "b/1.png", "b/linked.png"]


def test_links_in_a_circle_come_to_an_end(tmp_path) -> None:
    write_images(tmp_path, ["a/1.png", "a/x/2.png", "b/1.png"])
    (tmp_path / "a" / "x" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "all").symlink_to(tmp_path)
    (tmp_path / "all").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to("self")
    for one, other in (("p", "q"), ("q", "p")):
        (tmp_path / "b" / one).mkdir()
        (tmp_path / "b" / one / "other").symlink_to(tmp_path / "b" / other)
    assert files_of(tmp_path, "train") == ["a/1.png", "a/x/2.png", "b/1.png"]


def test_many_folders_that_are_linked_with_each_other_are_looked_at_once(tmp_path) -> None:
    write_images(tmp_path, ["a/1.png", "b/1.png"])
    folders = [tmp_path / "a" / f"f{number}" for number in range(12)]
    for folder in folders:
        folder.mkdir()
        for other in folders:
            (folder / f"to {other.name}").symlink_to(other)
    assert files_of(tmp_path, "train") == ["a/1.png", "b/1.png"]


def test_a_name_that_a_mac_composes_otherwise_is_the_same_class(tmp_path) -> None:
    one, other = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    write_images(tmp_path, [f"train/{one}/1.png", "train/tea/1.png", f"test/{other}/2.png", "test/tea/2.png"])
    assert folder_source(tmp_path, PLAIN).info.classes == (one, "tea")


@pytest.mark.skipif(os.name != "posix", reason="names are bytes only there")
def test_a_name_of_a_file_need_not_be_utf_8_but_that_of_a_class(tmp_path) -> None:
    write_images(tmp_path, ["a/1.png", "b/1.png"])
    odd = os.fsdecode(b"\xff\xfe.png")
    write_image(tmp_path / "a" / odd)
    assert files_of(tmp_path, "train") == ["a/1.png", f"a/{odd}", "b/1.png"]
    write_image(tmp_path / os.fsdecode(b"\xff") / "1.png")
    with pytest.raises(InputError, match=r"has a name that cannot be printed\. Rename it"):
        folder_source(tmp_path, PLAIN)


def test_an_empty_folder_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"expected a folder of images for each class, found nothing\. It takes"):
        folder_source(tmp_path, PLAIN)


def test_images_without_folders_of_classes_are_refused(tmp_path) -> None:
    write_images(tmp_path, ["1.png", "2.png"])
    with pytest.raises(InputError, match="for each class; the image files in it are in no such folder"):
        folder_source(tmp_path, PLAIN)


def test_one_class_alone_is_refused_and_a_folder_around_the_set_is_named(tmp_path) -> None:
    write_classes(tmp_path / "set", {"a": 2, "b": 2})
    with pytest.raises(InputError, match=r"expected at least two classes, found one, set; is .*/set the folder that"):
        folder_source(tmp_path, PLAIN)


def test_a_class_without_images_is_refused_and_named(tmp_path) -> None:
    write_classes(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "c" / "deeper").mkdir(parents=True)
    (tmp_path / "c" / "1.heic").touch()
    with pytest.raises(InputError, match=r"a class has no image: c \(other files: c/1\.heic\)\. Put images there"):
        folder_source(tmp_path, PLAIN)


def test_a_class_without_test_images_is_refused(tmp_path) -> None:
    write_images(tmp_path, ["train/a/1.png", "train/b/1.png", "test/a/1.png"])
    (tmp_path / "test" / "b").mkdir()
    with pytest.raises(InputError, match=r"test: a class has no image: b"):
        folder_source(tmp_path, PLAIN)


def test_classes_that_differ_between_train_and_test_are_refused_in_one_message(tmp_path) -> None:
    write_images(tmp_path, ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"])
    with pytest.raises(InputError, match="same classes in train and test, found only in train: b; only in test: c"):
        folder_source(tmp_path, PLAIN)


def test_a_file_and_a_path_without_anything_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"expected a folder of images\. Check the path"):
        folder_source(tmp_path / "none", PLAIN)
    with pytest.raises(InputError, match="expected a folder of images"):
        folder_source(write_image(tmp_path / "1.png"), PLAIN)
