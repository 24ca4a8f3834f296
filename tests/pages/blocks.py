"""What is on a page that a reader may paste: the blocks of Python, and the commands."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_MARK = re.compile(r"<!-- (slow|warns|not run|file|after): (.+) -->")


class Block(NamedTuple):
    """A block of Python as it stands on its page.

    Attributes:
        line: the number of its first line.
        code: its text.
        marks: what HTML comments right above it say: `slow`, `warns` and `not run`, each with the reason; `file`, the
            name that the page gives to it as a file; `after`, a command that the page gives before it.
    """

    line: int
    code: str
    marks: dict[str, str]


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of Python of a page; sessions (`pycon`) are doctests, which pytest runs by itself."""
    lines, found, start = text.splitlines(), [], None
    for number, line in enumerate(lines):
        if start is None and line == "```python":
            start = number
        elif start is not None and line == "```":
            found.append(Block(start + 2, "\n".join(lines[start + 1 : number]) + "\n", _marks_above(lines[:start])))
            start = None
    return found


def _marks_above(lines: list[str]) -> dict[str, str]:
    marks = {}
    while lines and (mark := _MARK.fullmatch(lines[-1])):
        marks[mark[1]] = mark[2]
        lines = lines[:-1]
    return marks


def commands_of(text: str) -> list[list[str]]:
    """Return the words behind `batchnorm` of all commands that stand on lines of their own, without comments."""
    lines = re.findall(r"^(?: {4})?batchnorm (.*)", _code(text), flags=re.M)
    return [shlex.split(line, comments=True) for line in lines]


def mentions_of(text: str) -> list[list[str]]:
    """Return the words behind `batchnorm` of all commands inside sentences and tables."""
    return [span.split() for span in re.findall(r"`batchnorm ([^`\n]+)`", text)]


def _code(text: str) -> str:
    """Return what stands in blocks, fenced or indented, for a sentence may begin with a command's name."""
    fenced = re.findall(r"^```(?:sh)?\n(.*?)^```$", text, flags=re.M | re.S)
    return "".join(fenced) + "\n".join(re.findall(r"^ {4}\S.*", text, flags=re.M))
