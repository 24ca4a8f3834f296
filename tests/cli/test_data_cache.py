"""`batchnorm data cache`: what is kept of decoded images, and how it goes."""

import numpy as np
import pytest
from PIL import Image

from batchnorm.data.store import Stored, stored


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Stored:
    """Two photographs, decoded and in use."""
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "photographs \x1b[31m"
    folder.mkdir()
    for number in range(2):
        Image.fromarray(np.full((20, 30, 3), number, np.uint8)).save(folder / f"{number}.png")
    return stored(sorted(folder.iterdir()), 3, (8, 16), cache_size=10**7, workers=0)


def test_the_list_says_what_is_kept(batchnorm, kept, tmp_path) -> None:
    (row,) = batchnorm("data", "cache", "list", "--json").json
    assert row["folder"] == str(tmp_path / "photographs \x1b[31m")
    assert (row["images"], row["channels"], row["size"], row["in_use"]) == (2, 3, [8, 16], True)
    assert row["bytes"] > 2 * 3 * 10 * 19


def test_the_table_shows_sizes_as_they_are_written_and_steers_no_terminal(batchnorm, kept) -> None:
    said = batchnorm("data", "cache", "list")
    assert said.code == 0
    assert "16x8" in said.out
    assert "in use" in said.out
    assert "\x1b" not in said.out


def test_clearing_leaves_what_is_in_use_and_says_so(batchnorm, kept) -> None:
    assert batchnorm("data", "cache", "clear").out == "removed 0 sets of decoded images, 0.0 MB; 1 in use, and left\n"


def test_clearing_removes_what_is_not_in_use(batchnorm, kept, tmp_path) -> None:
    kept.images.origin.map.close()
    assert batchnorm("data", "cache", "clear").out == "removed 1 set of decoded images, 0.0 MB\n"
    assert batchnorm("data", "cache", "list").out == "no decoded images are kept\n"
    assert batchnorm("data", "cache", "list", "--json").json == []
