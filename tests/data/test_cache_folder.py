from pathlib import Path

import pytest

from batchnorm.data import cache_folder


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    monkeypatch.delenv("BATCHNORM_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_a_word_it_is_in_the_home_folder(tmp_path):
    assert cache_folder() == tmp_path / ".cache" / "batchnorm"


def test_xdg_cache_home_moves_it(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/batchnorm")


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_xdg_cache_home_without_an_absolute_path_is_ignored(monkeypatch, tmp_path, value):
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == tmp_path / ".cache" / "batchnorm"


def test_batchnorm_cache_goes_first(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("BATCHNORM_CACHE", "/own")
    assert cache_folder() == Path("/own")


def test_an_empty_batchnorm_cache_counts_as_unset(monkeypatch, tmp_path):
    monkeypatch.setenv("BATCHNORM_CACHE", "")
    assert cache_folder() == tmp_path / ".cache" / "batchnorm"


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BATCHNORM_CACHE", "~/images")
    assert cache_folder() == tmp_path / "images"
