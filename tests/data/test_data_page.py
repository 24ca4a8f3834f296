import re
from pathlib import Path

from batchnorm.data import DatasetInfo, Normalization, Split, available

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_examples_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where they write
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.M | re.S):
        exec(block, names)  # noqa: S102  # our own page
    assert isinstance(names["stripes"].load("test"), Split)
    assert names["normalization"] == Normalization((0.5,), (0.5,))


def test_the_table_has_every_set_with_its_sizes():
    for source in available():
        info: DatasetInfo = source.info
        assert f"| `{info.name}` | {info.train_size:,} + {info.test_size:,} |" in PAGE
