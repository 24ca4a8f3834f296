"""Does everything exist that the documents point to?"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def targets(text: str) -> list[str]:
    """Return the relative targets of all links and pictures, without the place inside the file."""
    found = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    return [target for target in found if target and not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_points_to_exists(document: Path) -> None:
    there = targets(document.read_text(encoding="utf-8"))
    assert [target for target in there if not (document.parent / target).exists()] == []


def places(text: str) -> set[str]:
    """Return the names by which the headings of a page are linked to: lower case, hyphens, no punctuation."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_points_to_inside_a_page_is_a_heading_of_it(document: Path) -> None:
    found = re.findall(r"\]\((?![a-z]+:)([^)\s#]*)#([^)\s]+)\)", document.read_text(encoding="utf-8"))
    pages = [(document.parent / page if page else document, place) for page, place in found]
    assert [f"{page}#{place}" for page, place in pages if place not in places(page.read_text(encoding="utf-8"))] == []


def test_a_heading_is_linked_to_by_its_words() -> None:
    text = "# Ship it\n\n## `--json`, and more\n\n```python\n# no heading\n```\n"
    assert places(text) == {"ship-it", "--json-and-more"}


def test_a_link_and_a_picture_are_found() -> None:
    text = "[a](docs/a.md#part), ![b](b.png), [c](https://example.org), [d](#here)"
    assert targets(text) == ["docs/a.md", "b.png"]


def test_the_readme_has_no_placeholder() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"`[^`\n]+`", "", text)  # in code such a word may be an environment variable
    assert re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", prose) == []
