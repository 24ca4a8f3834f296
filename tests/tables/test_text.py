"""A table at a terminal: it fits, nothing is cut off, and what is least important goes first."""

from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from batchnorm.tables import Cell, Column, Table

WORDS = Column("why", "left", wrap=True)
NAME = Column("norm", "left", wrap=True)
FOUR = Table(
    (NAME, Column("drift"), Column("samples", drop=2), Column("depth", drop=1)),
    (("layer1.0.bn1", "0.10", "1,234", "3"), ("bn", "12.00", "5", "18")),
)


def shown(text: str) -> str:
    """All characters that are no spaces."""
    return "".join(text.split())


def headings(text: str) -> list[str]:
    return text.splitlines()[0].split()


def test_numbers_stand_right_and_words_left() -> None:
    assert FOUR.text(80).splitlines() == [
        "norm          drift  samples  depth",
        "───────────────────────────────────",
        "layer1.0.bn1   0.10    1,234      3",
        "bn            12.00        5     18",
    ]


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        (35, ["norm", "drift", "samples", "depth"]),
        (34, ["norm", "drift", "depth"]),
        (26, ["norm", "drift", "depth"]),
        (25, ["norm", "drift"]),
        (19, ["norm", "drift"]),
    ],
)
def test_the_least_important_column_goes_first_and_only_where_there_is_no_room(width, kept) -> None:
    assert headings(FOUR.text(width)) == kept


def test_of_equally_important_columns_the_last_goes_first() -> None:
    table = Table((NAME, Column("first", drop=1), Column("second", drop=1)), (("bn", "1", "2"),))
    assert headings(table.text(16)) == ["norm", "first"]


def test_where_nothing_can_be_dropped_words_are_broken_and_none_is_lost() -> None:
    text = FOUR.text(14)
    assert max(map(len, text.splitlines())) <= 14
    # Line by line, first column above, what is left of each cell follows in order.
    first = "".join(line[:7].split(" ")[0] for line in text.splitlines()[2:])
    assert "layer1.0.bn1" in first
    assert "12.00" in text


def test_words_wrap_between_words_while_there_is_room_for_the_longest() -> None:
    table = Table((NAME, WORDS), (("bn1", "it has hooks that run when it is called"),))
    assert table.text(24).splitlines()[2:] == [
        "bn1   it has hooks that",
        "      run when it is",
        "      called",
    ]


def test_words_wrap_before_a_column_is_dropped() -> None:
    table = Table((NAME, Column("samples", drop=1), WORDS), (("bn1", "12", "it has hooks that run"),))
    assert table.text(24).splitlines() == [
        "norm  samples  why",
        "────────────────────────",
        "bn1        12  it has",
        "               hooks",
        "               that run",
    ]


def test_the_last_column_is_never_dropped() -> None:
    table = Table((Column("first", "left", drop=1), Column("second", drop=1)), (("1", "2"),))
    assert headings(table.text(5)) == ["first"]
    assert "".join(headings(table.text(3))) != ""


def test_a_column_of_whole_words_is_dropped_before_a_word_is_broken() -> None:
    table = Table((NAME, Column("samples", drop=1)), (("features.denseblock4.norm", "12"),))
    assert table.text(30).splitlines()[2] == "features.denseblock4.norm"


def test_wide_letters_take_two_places() -> None:
    table = Table((Column("class", "left"), Column("images")), (("日本語", "7"), ("shirt", "12")))
    lines = table.text(80).splitlines()
    assert {cell_len(line) for line in lines[2:]} == {len("class   images")}
    assert [line.split() for line in lines[2:]] == [["日本語", "7"], ["shirt", "12"]]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=25)


@settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=3),
    wrap=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    drop=st.tuples(*[st.integers(0, 2)] * 3),
    width=st.integers(12, 120),
)
def test_whatever_the_cells_a_line_fits_and_what_is_kept_is_whole(rows, wrap, drop, width) -> None:
    names = ("aa", "bb", "cc")
    columns = tuple(Column(name, "left", drop=d, wrap=w) for name, d, w in zip(names, drop, wrap, strict=True))
    table = Table(columns, tuple(rows))
    text = table.text(width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    kept = [name for name in names if name in text.splitlines()[0]]
    assert [name for name, d in zip(names, drop, strict=True) if not d and name not in kept] == []
    if kept == list(names):
        letters = [letter for row in rows for cell in row for letter in cell if not letter.isspace()]
        whole = "".join([*names, *(repr(letter)[1:-1] if not letter.isprintable() else letter for letter in letters)])
        assert sorted(shown(text).replace("─", "")) == sorted(whole.replace("─", ""))


def test_notes_are_wrapped_between_words_and_a_path_stays_whole() -> None:
    table = Table((NAME,), (("bn",),), "a title of five words", ("written: /a/path/that/is/longer/than/a/line there",))
    assert table.text(12).splitlines() == [
        "a title of",
        "five words",
        "norm",
        "────",
        "bn",
        "written:",
        "/a/path/that/is/longer/than/a/line",
        "there",
    ]


def test_without_a_width_the_terminal_s_is_taken(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert headings(str(FOUR)) == ["norm", "drift"]


def test_without_rows_the_words_alone_are_shown() -> None:
    assert Table((NAME,), (), "nothing", ("a note",)).text(80) == "nothing\na note"


def test_without_headings_there_is_no_rule() -> None:
    columns = (Column("", "left"), Column("", "left"))
    assert Table(columns, (("python", "3.11"),)).text(80) == "python  3.11"


def test_marks_are_colours_where_they_are_asked_for() -> None:
    table = Table((NAME,), ((Cell("bn", "bad"),),))
    assert "\x1b[31mbn" in table.text(80, colour=True)
    assert "\x1b" not in table.text(80)


def test_what_would_steer_a_terminal_is_shown_as_its_escape() -> None:
    table = Table((NAME,), (("a\x1b[31mb\x07",),), "\x1b]0;title\x07", ("c\rd",))
    assert table.text(80).splitlines() == ["\\x1b]0;title\\x07", "norm", "─" * 14, "a\\x1b[31mb\\x07", "c d"]


def test_brackets_mean_nothing() -> None:
    assert "[red]a[/red]" in Table((NAME,), (("[red]a[/red]",),)).text(80)


def at_console(table: Table, **options) -> list[str]:
    console = Console(width=20, file=StringIO(), **options)
    console.print(table, crop=False)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_in_a_pipe_a_note_is_one_line_and_at_a_terminal_it_is_wrapped() -> None:
    table = Table((NAME,), (("bn",),), notes=("a note that is longer than a line",))
    assert at_console(table)[-1] == "a note that is longer than a line"
    assert at_console(table, force_terminal=True, no_color=True)[-2:] == ["a note that is", "longer than a line"]


def test_a_row_with_another_number_of_cells_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"^rows: expected 2 cells in each, got 1 in row 1$"):
        Table((NAME, WORDS), (("bn", "x"), ("bn",)))


def test_the_repr_is_one_line() -> None:
    assert repr(FOUR) == "<Table: 2 rows of norm, drift, samples, depth>"
