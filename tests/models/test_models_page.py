"""docs/models.md says what is true: its numbers are counted."""

import re
from pathlib import Path

import pytest

from batchnorm.models import available, build

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
ROW = re.compile(r"^\| `(\w+)` \| .* \| ([\d,]+) \| (\d+) \|$", re.MULTILINE)
ROWS = [
    (name, int(parameters.replace(",", "")), int(smallest))
    for name, parameters, smallest in ROW.findall(PAGE.read_text(encoding="utf-8"))
]


def test_the_table_has_every_model():
    assert [row[0] for row in ROWS] == [entry.name for entry in available()]


@pytest.mark.parametrize(("name", "parameters", "smallest"), ROWS)
def test_the_numbers_of_the_table_are_counted(name, parameters, smallest):
    net = build(name, num_classes=10, in_channels=1, image_size=28)
    build(name, num_classes=10, in_channels=1, image_size=smallest)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters
