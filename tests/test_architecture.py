"""Do all imports inside the package go down? The picture is in docs/architecture.md."""

import ast
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "batchnorm"

OUTSIDE = {"allocator", "errors", "files", "progress", "records", "tables", "_version"}
"""Standard library only (and rich, where a terminal is written to); everybody may import them."""

MAY_IMPORT = {
    # outside
    "_version": set(),
    "allocator": set(),
    "errors": set(),
    "files": {"errors"},
    "progress": {"files", "records"},
    "records": {"errors", "files", "tables"},
    "tables": set(),
    # the storeys, from below
    "kernels": OUTSIDE,
    "functional": OUTSIDE | {"kernels"},
    "transaction": {"errors"},
    "calls": {"errors"},
    "nn": OUTSIDE | {"functional"},
    "data": OUTSIDE | {"functional"},
    "models": OUTSIDE | {"functional", "nn"},
    "norms": {"errors", "calls", "functional", "nn", "transaction"},
    "wiring": OUTSIDE | {"calls", "functional", "norms", "transaction"},
    "statistics": OUTSIDE | {"calls", "functional", "norms", "transaction", "wiring"},
    "surgery": OUTSIDE | {"calls", "functional", "nn", "norms", "transaction", "wiring"},
    "evaluation": OUTSIDE | {"calls", "norms", "statistics", "surgery", "transaction"},
    "runs": OUTSIDE
    | {
        "functional",
        "bench",
        "data",
        "evaluation",
        "models",
        "nn",
        "norms",
        "statistics",
        "surgery",
        "transaction",
        "wiring",
    },
    "training": OUTSIDE
    | {"functional", "nn", "norms", "data", "models", "bench", "runs"}
    | {"statistics", "surgery", "transaction", "wiring"},
    "bench": OUTSIDE | {"functional", "nn", "models"},
    # outside again: pictures of records, never of models; and the one who may know everybody
    "report": OUTSIDE,
    "cli": OUTSIDE
    | {"kernels", "functional", "nn", "data", "models", "runs", "statistics", "training", "bench", "report", "__init__"}
    | {"surgery", "transaction", "wiring"},
    # the doors
    "__main__": {"cli"},
    "__init__": OUTSIDE
    | {"functional", "nn", "data", "models", "runs", "statistics", "training", "bench"}
    | {"calls", "evaluation", "norms", "surgery", "transaction", "wiring"}
    | {"report"},  # opened for whoever asks, and used by nothing in there
}
"""Who may import whom: a folder, or a file at the top, and what it may import besides itself."""


ASKED_ABOVE = {
    ("records/_pictures.py", "report"): "a record is asked for its picture, which `report` draws of records",
    (
        "wiring/_wiring.py",
        "surgery",
    ): "a wiring is asked what can be done with its norms, which `surgery` says of wirings",
}
"""Which file may ask which room above it, inside a function: where somebody holds a thing, he asks it, not a room."""


class Import(NamedTuple):
    """One import of something in the package: from where, of what, at which line, and whether a call makes it."""

    file: str
    line: int
    room: str
    target: tuple[str, ...]
    late: bool


def room_of(parts):
    """The folder or top file that a dotted path inside the package belongs to."""
    return parts[0] if parts else "__init__"


def imports(package):
    """Every import of the package by itself, also inside functions, as absolute paths."""
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package).with_suffix("").parts
        home = inside[:-1]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        late = {inner for function in functions for inner in ast.walk(function)}
        for node in ast.walk(tree):
            for target in targets(node, home, package):
                name = path.relative_to(package).as_posix()
                yield Import(name, node.lineno, room_of(inside), target, node in late)


def targets(node, home, package):
    """The dotted paths, below the package, that an import statement brings in."""
    if isinstance(node, ast.Import):
        paths = [tuple(alias.name.split(".")) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        stem = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            stem = (package.name, *home[: len(home) - node.level + 1], *stem)
        paths = [(*stem, alias.name) for alias in node.names]
    else:
        return
    yield from (path[1:] for path in paths if path[0] == package.name)


def faults(package):
    """What is wrong with the imports of a package, one line each."""
    found = []
    for file, line, room, target, late in imports(package):
        other = room_of(target)
        if not is_room(package, other):
            other = "__init__"  # a name of the top package
        if late and (file, other) in ASKED_ABOVE and not any(is_private(part) for part in target[1:]):
            continue
        if room not in MAY_IMPORT:
            found.append(f"{file}:{line}: {room} has no storey; add it to MAY_IMPORT")
        elif other != room and other not in MAY_IMPORT[room]:
            found.append(f"{file}:{line}: {room} must not import {other}")
        elif other != room and any(is_private(part) for part in target[1:]):
            found.append(f"{file}:{line}: {'.'.join(target)} is private to {other}")
    return found


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def is_room(package, name):
    return (package / name).is_dir() or (package / f"{name}.py").is_file()


def test_imports_only_go_down():
    assert faults(PACKAGE) == []


def test_every_room_has_a_storey():
    assert {room_of(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")} <= set(
        MAY_IMPORT
    )


@pytest.mark.parametrize(("file", "room"), ASKED_ABOVE)
def test_every_room_that_may_be_asked_above_is_asked(file, room):
    assert any(one.file == file and room_of(one.target) == room and one.late for one in imports(PACKAGE))


def test_only_the_command_line_and_the_door_may_import_reports():
    assert [room for room, others in MAY_IMPORT.items() if "report" in others] == ["cli", "__init__"]


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_what_stands_outside_needs_the_standard_library_alone(name):
    files = [PACKAGE / f"{name}.py"] if (PACKAGE / f"{name}.py").is_file() else [*(PACKAGE / name).rglob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    roots = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
        for alias in node.names
    }
    assert files
    assert roots - {"batchnorm", *({"rich"} if name in ("progress", "tables") else ())} <= set(sys.stdlib_module_names)


FORBIDDEN = {
    "up, absolute": ("functional/_a.py", "from batchnorm.nn import Layer", "must not import nn"),
    "up, relative": ("functional/_a.py", "from ..nn import Layer", "must not import nn"),
    "up, the folder itself": ("functional/_a.py", "from .. import nn", "must not import nn"),
    "up, in a function": (
        "nn/_a.py",
        "def f():\n    import batchnorm.models",
        "must not import models",
    ),
    "sideways": ("data/_a.py", "from ..nn import Layer", "must not import nn"),
    "deeper folders": ("functional/deep/_a.py", "from ...nn import Layer", "must not import nn"),
    "from outside": ("errors.py", "from .functional import f", "must not import functional"),
    "reports": ("training/_a.py", "from ..report import draw", "must not import report"),
    "models in reports": ("report/_a.py", "from ..models import M", "must not import models"),
    "the top": ("nn/_a.py", "from batchnorm import __version__", "must not import __init__"),
    "private file": ("nn/_a.py", "from ..functional._b import f", "is private to functional"),
    "private name": ("nn/_a.py", "from ..functional import _f", "is private to functional"),
    "private to the command line": ("cli/_a.py", "from ..nn._b import f", "is private to nn"),
    "asked above, but not late": ("records/_pictures.py", "from ..report import draw", "must not import report"),
    "asked above by another file": ("records/_a.py", "def f():\n    from ..report import g", "must not import report"),
    "asked above for what is private": (
        "records/_pictures.py",
        "def f():\n    from ..report import _g",
        "must not import report",
    ),
    "no storey": ("attic/_a.py", "from ..errors import E", "attic has no storey"),
}
ALLOWED = {
    "down": ("nn/_a.py", "from ..functional import f"),
    "asked above": ("records/_pictures.py", "def f():\n    from ..report import draw"),
    "itself": ("nn/_a.py", "from ._b import f"),
    "itself, absolute": ("nn/_a.py", "from batchnorm.nn._b import f"),
    "the version": ("training/_a.py", "from .._version import __version__"),
    "other packages": ("functional/_a.py", "import torch.nn"),
    "the command line": ("cli/_a.py", "from ..report import draw\nfrom batchnorm import __version__"),
}


def house(folder, file, text):
    """A small package with the rooms of ours, and one file of that text."""
    package = folder / "batchnorm"
    for room in MAY_IMPORT:
        path = package / f"{room}.py" if room in {*OUTSIDE, "__init__", "__main__"} - {"records"} else package / room
        (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.touch()
    (package / file).parent.mkdir(parents=True, exist_ok=True)
    (package / file).write_text(text, encoding="utf-8")
    return package


@pytest.mark.parametrize("case", FORBIDDEN)
def test_a_forbidden_import_is_found(case, tmp_path):
    file, text, fault = FORBIDDEN[case]
    found = faults(house(tmp_path, file, text))
    assert len(found) == 1
    assert found[0].startswith(f"{file}:")
    assert fault in found[0]


@pytest.mark.parametrize("case", ALLOWED)
def test_an_allowed_import_is_no_fault(case, tmp_path):
    assert faults(house(tmp_path, *ALLOWED[case])) == []
