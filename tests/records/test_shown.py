"""Every record: printed it is its tables, in a notebook HTML, in a debugger one line."""

from dataclasses import replace

import pytest
from rich.console import Console

from batchnorm.errors import InputError
from batchnorm.records import (
    RECORDS,
    Benchmark,
    EpochRecord,
    Prediction,
    TrainResult,
    WiringRecord,
    epochs_table,
    predictions_table,
)

from .test_benchmark_record import BENCHMARK
from .test_round_trip import simplest

RECORDS_OF_ALL_KINDS = [BENCHMARK if kind is Benchmark else simplest(kind) for kind in RECORDS.values()]
IDS = list(RECORDS)


@pytest.mark.parametrize("record", RECORDS_OF_ALL_KINDS, ids=IDS)
def test_printing_a_record_shows_its_tables(record, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert str(record) == "\n\n".join(table.text(80) for table in record.tables().values())


@pytest.mark.parametrize("record", RECORDS_OF_ALL_KINDS, ids=IDS)
def test_a_record_fits_80_columns(record) -> None:
    for table in record.tables().values():
        assert max(map(len, table.text(80).splitlines())) <= 80


@pytest.mark.parametrize("record", RECORDS_OF_ALL_KINDS, ids=IDS)
def test_a_notebook_shows_html(record) -> None:
    html = record._repr_html_()
    if isinstance(record, WiringRecord):
        assert html.startswith("<svg")
    else:
        assert html == "\n".join(table.html() for table in record.tables().values())


@pytest.mark.parametrize("record", RECORDS_OF_ALL_KINDS, ids=IDS)
def test_rich_prints_a_record_s_tables(record) -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(record, crop=False)
    for table in record.tables().values():
        assert all(column.heading in captured.get() for column in table.columns if not column.drop)


@pytest.mark.parametrize("record", RECORDS_OF_ALL_KINDS, ids=IDS)
def test_the_repr_is_one_short_line_with_the_name(record) -> None:
    assert repr(record).startswith(f"{type(record).__name__}(")
    assert "\n" not in repr(record)
    assert len(repr(record)) < 600


def test_the_repr_counts_what_has_many_parts() -> None:
    record = simplest(RECORDS["Recalibration"])
    assert "norms=<1>" in repr(record)
    assert "certificate=<Certificate>" in repr(record)


def test_the_repr_shows_a_few_numbers_with_their_names() -> None:
    record = replace(simplest(RECORDS["ModelEvaluation"]), running={"loss": -0.5, "r2": None})
    assert "running={'loss': -0.5, 'r2': None}" in repr(record)


def test_the_repr_counts_many_numbers() -> None:
    record = replace(simplest(RECORDS["ModelEvaluation"]), running={f"class {number}": 0.5 for number in range(5)})
    assert "running=<5>" in repr(record)


def test_a_table_is_had_by_its_name_and_the_first_without() -> None:
    record = simplest(RECORDS["Evaluation"])
    assert record.table() == record.table("modes") == record.tables()["modes"]
    assert record.table("classes") != record.table()


def test_a_table_that_there_is_not_is_refused_with_the_names_of_those_that_there_are() -> None:
    with pytest.raises(
        InputError, match=r"^name: expected one of 'modes', 'classes', 'confusion', got 'clases'\. Leave"
    ):
        simplest(RECORDS["Evaluation"]).table("clases")


def texts(table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.cells]


def test_epochs_stand_in_one_table() -> None:
    epochs = [EpochRecord(n, 79, 0.5, 0.8, None, 0.75, 0.1, 3.0, 1e3) for n in (1, 2)]
    assert texts(epochs_table(epochs)) == [
        [str(n), "79", "0.5000", "0.8000", "–", "0.7500", "0.1", "3.0", "1,000"]  # noqa: RUF001 - a dash
        for n in (1, 2)
    ]


def test_a_result_has_a_row_for_every_set_that_judged() -> None:
    result = TrainResult(0.9, 0.3, 12.5, "runs/x", "net", "few", 2, 1000, 7, 50378, 0.8, 0.4, "exact", 3, 0.89)
    assert texts(result.table()) == [
        ["test images", "0.3000", "0.9000"],
        ["validation images", "0.4000", "0.8000"],
        ["test images, 3 norms folded", "–", "0.8900"],  # noqa: RUF001 - a dash
    ]
    assert result.table().notes == ("1,000 steps in 12.5 s, seed 7; recalibrated: exact", "the run is in runs/x")


def test_predictions_stand_in_one_table_with_what_is_true_where_it_is_known() -> None:
    one = Prediction("a.png", ("Bag", "Coat"), (0.75, 0.25), ("40x30 fitted into 28x28",))
    other = Prediction("test image 0", ("Bag", "Coat"), (0.75, 0.25), (), "Coat")
    table = predictions_table([one, other])
    assert texts(table) == [
        ["a.png (40x30 fitted into 28x28)", "Bag 75.0%", "Coat 25.0%", ""],
        ["test image 0", "Bag 75.0%", "Coat 25.0%", "Coat"],
    ]
    assert table.cells[1][-1].mark == "bad"
    assert texts(Prediction("b.png", (), ()).table()) == [["b.png", "–", ""]]  # noqa: RUF001 - a dash
    assert [column.heading for column in predictions_table([one]).columns] == ["image", "prediction", "then"]
