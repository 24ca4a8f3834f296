"""An evaluation at a terminal: the modes, the classes, and which class is taken for which."""

from dataclasses import replace

import pytest

from batchnorm.records import ClassScores, Evaluation, Scores


def scores(confusion: tuple[tuple[int, ...], ...], loss: float = 0.5) -> Scores:
    classes = tuple(ClassScores(f"class {n}", 0.5, 0.25, 1 / 3, sum(row)) for n, row in enumerate(confusion))
    total = sum(map(sum, confusion))
    return Scores(loss, sum(row[n] for n, row in enumerate(confusion)) / total, total, classes, confusion)


FEW = scores(((900, 100), (0, 1000)))
EVALUATION = Evaluation("runs/x", "few", "test", 128, FEW, scores(((950, 50), (0, 1000)), 0.75))


def texts(table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.cells]


def test_the_modes_stand_beside_each_other_with_their_gap() -> None:
    table = EVALUATION.table()
    assert table.title == "runs/x on 2,000 test images of few"
    assert texts(table) == [
        ["running statistics", "0.5000", "0.9500"],
        ["each batch's own (128)", "0.7500", "0.9750"],
        ["gap", "+0.2500", "+0.0250"],
    ]


@pytest.mark.parametrize(
    ("folded", "name"), [(True, "nothing: the norms are folded"), (False, "nothing: there is no batch norm")]
)
def test_a_net_that_normalizes_nothing_is_not_said_to(folded, name) -> None:
    assert texts(replace(EVALUATION, batch=None, folded=folded).table()) == [[name, "0.5000", "0.9500"]]


def test_every_class_has_its_scores() -> None:
    assert texts(EVALUATION.table("classes"))[0] == ["class 0", "0.500", "0.250", "0.333", "1,000"]


def test_both_axes_of_the_confusion_matrix_have_names() -> None:
    table = EVALUATION.table("confusion")
    assert [column.heading for column in table.columns] == ["true ↓  predicted →", "0", "1"]
    assert texts(table) == [["0 class 0", "900", "100"], ["1 class 1", "·", "1000"]]
    assert [[cell.mark for cell in row] for row in table.cells] == [["", "good", ""], ["", "faint", "good"]]


def test_twelve_classes_of_ten_thousand_images_fit_80_columns() -> None:
    matrix = tuple(tuple(99 if n != m else 999 for m in range(12)) for n in range(12))
    text = scores(matrix).table("confusion").text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[3].split()[-1] == "99"


def test_of_many_classes_the_most_frequent_confusions_are_named() -> None:
    matrix = [[10 if n == m else 0 for m in range(30)] for n in range(30)]
    matrix[3][4], matrix[29][0] = 30, 10
    for n in range(25):
        matrix[n][29] += 1
    table = scores(tuple(map(tuple, matrix))).table("confusion")
    assert texts(table)[:3] == [
        ["class 3", "class 4", "30", "73.2%"],
        ["class 29", "class 0", "10", "50.0%"],
        ["class 0", "class 29", "1", "9.1%"],
    ]
    assert (table.title, table.notes) == ("confusions: the most frequent of 27 pairs", ("and 7 more pairs",))


def test_the_confusion_matrix_is_drawn_where_the_record_is_asked_for_it(tmp_path) -> None:
    EVALUATION.plot(tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes()[1:4] == b"PNG"
