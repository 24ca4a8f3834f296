"""Which data a text means: names go before files, and a path never becomes code."""

from pathlib import Path

import pytest

from batchnorm.data import data_path, get, open_source, reads_as_path
from batchnorm.errors import InputError, InputTypeError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path.cwd()


@pytest.mark.parametrize(
    "given", ["fashion-mnist", "photos", "photos:Set", "pkg.mod:Set", "./pkg/mod.py:Set", "", "\0"]
)
def test_what_is_not_there_and_does_not_look_like_a_path_is_a_name(here, given: str) -> None:
    assert data_path(given) is None


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ("./photos", "photos"),
        ("a/b", "a/b"),
        ("a/b/", "a/b"),
        ("a/../b", "b"),
        ("mine.npz", "mine.npz"),
        ("M.NPZ", "M.NPZ"),
    ],
)
def test_a_text_with_a_separator_or_the_ending_of_arrays_is_a_path(here, given: str, inside: str) -> None:
    assert data_path(given) == here / inside


@pytest.mark.parametrize("given", ["photos", "pkg.mod:Set"])
def test_what_is_there_is_a_path(here, given: str) -> None:
    (here / given).mkdir()
    assert data_path(given) == here / given


def test_an_object_that_is_a_path_is_one_whatever_it_is_called(here) -> None:
    assert data_path(Path("fashion-mnist")) == here / "fashion-mnist"


def test_a_known_name_goes_before_a_folder_of_that_name(here) -> None:
    (here / "fashion-mnist-mini").mkdir()
    assert open_source("fashion-mnist-mini") is get("fashion-mnist-mini")


def test_an_absolute_path_is_one_whatever_is_in_it() -> None:
    assert data_path("/data/os:system") == Path("/data/os:system")


def test_a_link_keeps_its_own_name(here) -> None:
    (here / "far").mkdir()
    (here / "near").symlink_to("far")
    assert data_path("near") == here / "near"


def test_the_home_folder_is_filled_in(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_path("~/photos") == tmp_path / "photos"


def test_a_path_of_a_user_that_there_is_not_is_only_a_path(here) -> None:
    assert data_path("~no-such-user/photos") == here / "~no-such-user/photos"


@pytest.mark.parametrize("given", ["x" * 10**5, "x" * 10**5 + "/y", "a\0/b", "\udcff/b"], ids=repr)
def test_odd_texts_are_asked_about_without_an_error(given: str) -> None:
    assert reads_as_path(given) == (data_path(given) is not None)


def test_what_is_not_there_is_said_with_its_path(here) -> None:
    with pytest.raises(InputError, match=rf"data: {here}/photos: there is no file or folder\. Check the path\."):
        open_source("./photos")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputTypeError, match="data: expected a name or a path, got int"):
        open_source(3)
