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


def test_a_link_and_a_picture_are_found() -> None:
    text = "[a](docs/a.md#part), ![b](b.png), [c](https://example.org), [d](#here)"
    assert targets(text) == ["docs/a.md", "b.png"]


def test_the_readme_has_no_placeholder() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"`[^`\n]+`", "", text)  # in code such a word may be an environment variable
    assert re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", prose) == []
