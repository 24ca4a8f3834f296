"""A table in Markdown, HTML and CSV: whatever a cell holds is read back as it is."""

import csv
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from batchnorm.tables import Cell, Column, Table

COLUMNS = (Column("norm", "left"), Column("drift"))
STRANGE = (
    "a|b",
    "a\\|b",
    "\\",
    "*a* _b_ __init__ `c` ~~d~~",
    "channels_last",
    "<script>alert(1)</script>",
    "&amp; &lt;",
    "[a](b) ![c](d)",
    "https://example.org <https://example.org>",
    "日本語",
    '"quoted", with a comma',
    "2**18 values (2**19 channels_last)",
)
PRINTABLE = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)


class Cells(HTMLParser):
    """The texts of the cells of an HTML table, and every tag that it has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        if self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def rendered(markdown: str) -> list[list[str]]:
    """What somebody else's Markdown makes of it; link-like words are links to GitHub, too, and read the same."""
    return Cells(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)).rows


def test_markdown_says_which_columns_stand_right() -> None:
    assert Table(COLUMNS, (("bn", "1.0"),), "a title", ("a note",)).markdown() == (
        "**a title**\n\n| norm | drift |\n|---|--:|\n| bn | 1.0 |\n\na note"
    )


@pytest.mark.parametrize("text", STRANGE)
def test_markdown_shows_a_cell_as_it_is(text) -> None:
    assert rendered(Table(COLUMNS, ((text, "1"),)).markdown())[1] == [text, "1"]


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(PRINTABLE)
def test_markdown_shows_any_cell_as_it_is(text) -> None:
    assert rendered(Table(COLUMNS, ((text, "1"),)).markdown())[1] == [text, "1"]


@pytest.mark.parametrize("text", STRANGE)
def test_html_shows_a_cell_as_it_is_and_runs_nothing(text) -> None:
    read = Cells(Table(COLUMNS, ((text, "1"),), text, (text,)).html())
    assert read.rows[1] == [text, "1"]
    assert read.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td", "div"}


def test_html_has_colours_for_marks_and_numbers_right() -> None:
    html = Table(COLUMNS, ((Cell("bn", "bad"), "1"),)).html()
    assert '<td style="text-align: left; color: #b42318">bn</td><td style="text-align: right">1</td>' in html


def test_a_notebook_shows_the_html() -> None:
    table = Table(COLUMNS, (("bn", "1"),))
    assert table._repr_html_() == table.html()


@pytest.mark.parametrize("text", [*STRANGE, "two\nlines"])
def test_csv_is_read_back_as_it_was(text) -> None:
    rows = list(csv.reader(Table(COLUMNS, ((text, "1"),), "title", ("note",)).csv().splitlines(keepends=True)))
    assert rows == [["norm", "drift"], [text, "1"]]


def test_a_cell_of_two_lines_is_one_in_markdown_and_html() -> None:
    table = Table(COLUMNS, (("two\nlines", "1"),))
    assert rendered(table.markdown())[1] == ["two lines", "1"]
    assert Cells(table.html()).rows[1] == ["two lines", "1"]
