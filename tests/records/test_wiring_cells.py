"""A wiring at a terminal: who read what, what can be done with each norm, and that it fits."""

from io import StringIO

import pytest
from rich.console import Console

from batchnorm.records import WiringRecord, WiringRow


def record(*rows: WiringRow, ways: int = 1, run: str = "runs/x") -> WiringRecord:
    return WiringRecord(run, "mine", None, (2, 3, 8, 8), (rows[0].module,), rows, ways)


def printed(found: WiringRecord) -> list[str]:
    """The rows and the notes, at a terminal of 80 columns."""
    return found.table().text(80).splitlines()[3:]


def test_every_row_says_what_it_is_who_read_it_and_what_a_norm_folds_into() -> None:
    conv = WiringRow("stage1.0.conv1", "Conv2d", 1, (2, 4, 8, 8), 1, ("stage1.0.bn1",))
    bn = WiringRow("stage1.0.bn1", "BatchNorm2d", 1, (2, 4, 8, 8), 1, ("fc",), "folded", None, ("stage1.0.conv1",))
    rows = printed(record(conv, bn, WiringRow("fc", "Linear", 2, (2, 3), 1, ("(returned)",))))[:3]
    assert [line.split() for line in rows] == [
        ["stage1.0.conv1", "Conv2d", "2x4x8x8", "bn1"],
        ["stage1.0.bn1", "BatchNorm2d", "2x4x8x8", "fc", "folds", "into", "conv1"],
        ["fc", "Linear", "×2", "2x3", "(returned)"],  # noqa: RUF001 - a multiplication sign
    ]


def test_reasons_stand_below_the_table_each_once() -> None:
    reason = "what it reads is made neither by a product with a weight nor by a norm alone"
    first = WiringRow("bn1", "BatchNorm2d", 1, (2, 3), 1, ("bn2",), "scale-shifted", reason)
    second = WiringRow("bn2", "BatchNorm2d", 1, (2, 3), 1, ("bn3",), "scale-shifted", reason)
    third = WiringRow("bn3", "BatchNorm2d", 1, (2, 3), 1, ("(returned)",), "left", "it has hooks")
    lines = printed(record(first, second, third))
    assert [line.split()[-2:] for line in lines[:3]] == [
        ["scale-shift", "(1)"],
        ["scale-shift", "(1)"],
        ["left", "(2)"],
    ]
    assert " ".join(lines[3:]) == (f"(1) {reason} (2) it has hooks 0 of 3 norms fold, 2 become a scale-shift, 1 stay")


def test_long_names_and_many_readers_fit_80_columns_with_nothing_cut_off() -> None:
    path = "features.denseblock4.denselayer12."
    readers = tuple(f"features.denseblock4.denselayer{number}.norm1" for number in range(13, 17))
    row = WiringRow(f"{path}conv_of_a_long_name", "SeparableConvolution2d", 10, (2, 1024, 112, 112), 1, readers)
    norm = WiringRow(f"{path}norm", "BatchNorm2d", 1, (2, 1024, 112, 112), 1, ("fc",), "shift", None, (row.module,))
    lines = printed(record(row, norm))
    assert max(map(len, lines)) <= 80
    shown = "".join("".join(lines).split())
    assert all(part in shown for part in ("conv_of", "_name", "itsshiftstays"))


def test_modules_that_hand_on_what_they_get_are_left_out_and_counted() -> None:
    drop = WiringRow("drop", "Dropout", 1, (2, 3), None, ("(hands its input on)",))
    lines = printed(record(WiringRow("fc", "Linear", 1, (2, 3), 1, ("(returned)",)), drop))
    assert lines[1:] == ["no batch norm", "left out: 1 that hand on what they are given (Identity and the like)"]


def test_a_model_that_was_handed_over_was_given_no_random_numbers() -> None:
    row = WiringRow("fc", "Linear", 1, (2, 3), 1, ("(returned)",))
    assert record(row, run="").table().title == "mine: input 2x3x8x8; 1 pass"
    assert record(row).table().title == "mine: input 2x3x8x8, random numbers; 1 pass"


@pytest.mark.parametrize(
    ("outcome", "colour"), [("folded", "32"), ("shift", "33"), ("scale-shifted", "33"), ("left", "31"), (None, None)]
)
def test_norms_have_the_colour_of_what_can_be_done_with_them(outcome, colour) -> None:
    row = WiringRow("bn", "BatchNorm2d", 1, (2, 3), 1, ("(returned)",), outcome, "why", ("fc",))
    console = Console(width=80, force_terminal=True, color_system="standard", file=StringIO())
    console.print(record(row))
    (line,) = (line for line in console.file.getvalue().splitlines() if "(returned)" in line)
    assert (f"\x1b[{colour}m" in line) == (outcome is not None)


def test_names_with_brackets_are_printed_as_they_are() -> None:
    row = WiringRow("[red]a", "function", 1, (2, 3), 1, ("[/red]",))
    assert any("[red]a" in line and "[/red]" in line for line in printed(record(row)))


def test_the_picture_is_returned_as_text_and_written_where_a_path_is_given(tmp_path) -> None:
    found = record(WiringRow("fc", "Linear", 1, (2, 3), 1, ("(returned)",)))
    text = found.svg(tmp_path / "net.svg")
    assert text.startswith("<svg ")
    assert (tmp_path / "net.svg").read_text() == text + "\n"


def test_a_notebook_shows_the_picture() -> None:
    found = record(WiringRow("fc", "Linear", 1, (2, 3), 1, ("(returned)",)))
    assert found._repr_html_() == found.svg()
