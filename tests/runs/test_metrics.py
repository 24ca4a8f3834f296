"""`metrics.csv`: what another program reads from it is what `metrics.jsonl` says."""

import csv
import json
import math
from dataclasses import asdict

import pytest

from batchnorm.records import EpochRecord
from batchnorm.runs import RunFolder, TrainConfig

EPOCHS = [
    EpochRecord(1, 79, math.pi, 1 / 3, None, None, 1e-7, 3.0, 1e3, None),
    EpochRecord(2, 79, 1e300, 0.1 + 0.2, 5e-324, 1.0, 0.1, 123456789.125, 1e3, 0.25),
]


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder.plan(tmp_path / "run")
    with folder.created(TrainConfig()):
        folder.write_metrics(EPOCHS)
    return folder


def rows(folder: RunFolder) -> list[dict[str, str]]:
    with folder.metrics_table.open(newline="") as file:
        return [*csv.DictReader(file)]


def test_the_table_has_a_row_for_each_epoch_and_loses_no_digit(folder) -> None:
    read = [{name: float(cell) if cell else None for name, cell in row.items()} for row in rows(folder)]
    assert read == [asdict(record) for record in EPOCHS]


def test_its_columns_have_the_names_of_the_lines(folder) -> None:
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert [*rows(folder)[0]] == [name for name in lines[0] if name not in ("record", "version")]


def test_a_table_that_is_gone_or_behind_is_written_anew(folder) -> None:
    whole = folder.metrics_table.read_bytes()
    for left in (None, whole[:100], b"\xff"):
        folder.metrics_table.unlink() if left is None else folder.metrics_table.write_bytes(left)
        folder.complete_metrics(EPOCHS)
        assert folder.metrics_table.read_bytes() == whole
