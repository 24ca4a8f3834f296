"""Is a run's table of its images read back as it was written, whatever the images are called?"""

import os

import pytest

from batchnorm.data.folders._listing import Listing
from batchnorm.data.folders._split_file import read_split, split_table

NAMES = ("1.png", "a,b.png", 'say "a".png', "two\nlines.png", "re\rturn.png", " .png", os.fsdecode(b"\xff\xfe.png"))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_path_is_read_back(tmp_path, name) -> None:
    train = ((f"a/{name}", "a"), (f"b/{name}", "b"))
    table = tmp_path / "split.csv"
    table.write_bytes(split_table(tmp_path, Listing(("a", "b"), {"train": train, "test": ()}, drawn=True)))
    assert read_split(table).files["train"] == train
