"""Write the list of what is public, `docs/api.md`: `python tools/write_api.py`; `--check` only compares.

Its names are those of `__all__` in each module, its words the first line of their docstrings; for a constant or a type,
the string behind it in the source.
"""

import argparse
import ast
import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import batchnorm
from batchnorm.files import atomic_write

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
ABOUT = """# What is public

`dir(batchnorm)` and `dir` of each module below list these names, and no others; what else a module holds may change
without a word. Written by `tools/write_api.py` from the docstrings.
"""


def rooms() -> Iterator[ModuleType]:
    """Yield the package, then its public modules."""
    yield batchnorm
    yield from (value for name in dir(batchnorm) if inspect.ismodule(value := getattr(batchnorm, name)))


def page() -> str:
    """Return the text of the page."""
    return ABOUT + "".join(f"\n{section(room)}" for room in rooms())


def section(room: ModuleType) -> str:
    """Return the part about one module."""
    names = [name for name in room.__all__ if not inspect.ismodule(getattr(room, name))]
    rows = (f"| `{name}` | {cell(about(room, name))} |\n" for name in names)
    return f"## `{room.__name__}`\n\n{first_line(room)}\n\n| name | what it is |\n|---|---|\n{''.join(rows)}"


def about(room: ModuleType, name: str) -> str:
    """Return what a name is, in a line; empty where nothing says it."""
    if name == "__version__":
        return "The version of this library."
    value = getattr(room, name)
    return first_line(value) if inspect.isclass(value) or inspect.isroutine(value) else string_behind(room, name)


def first_line(value: object) -> str:
    """Return the first line of a docstring that is the object's own."""
    said = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    return (said or "").strip().partition("\n")[0]


def string_behind(room: ModuleType, name: str) -> str:
    """Return the first line of the string behind the assignment of a name, in the file that the room has it from."""
    for entry in ast.parse(inspect.getsource(room)).body:
        if isinstance(entry, ast.ImportFrom) and any(alias.asname == name for alias in entry.names):
            home = import_module("." * entry.level + (entry.module or ""), room.__name__)
            for one, other in zip(body := ast.parse(inspect.getsource(home)).body, body[1:], strict=False):
                if name in assigned(one) and isinstance(other, ast.Expr) and isinstance(other.value, ast.Constant):
                    return str(other.value.value).strip().partition("\n")[0]
    return ""


def assigned(statement: ast.stmt) -> list[str]:
    """Return the names that a statement assigns."""
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
    places = (place for target in targets for place in getattr(target, "elts", [target]))
    return [place.id for place in places if isinstance(place, ast.Name)]


def cell(text: str) -> str:
    """Return a text as it stands in a table of Markdown."""
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or say that it is stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if the page says something else")
    if parser.parse_args().check:
        if PAGE.read_text(encoding="utf-8") != page():
            print(f"{PAGE} is stale: python tools/write_api.py")
            return 1
        return 0
    with atomic_write(PAGE, "w") as file:
        file.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
