"""Do the Python blocks of the documents pass the type checkers of whoever pastes them into a file of his own?

Each document is one file, its blocks one below the other, against the installed package. What is written for a prompt
runs as a doctest instead.
"""

import ast
import builtins
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OWN = {
    "model": "model: torch.nn.Module = torch.nn.Identity()",
    "example": "example = torch.ones(1)",
    "loader": "loader: Iterable[Any] = []",
    **{name: f"{name}: Any = None" for name in ("module", "timm", "trainer")},
    "small": "def small() -> torch.nn.Module:\n    return model",
}
"""What stands for something of the reader's own, wherever a document does not define it."""
READERS = "\n".join(
    ["from collections.abc import Iterable", "from typing import Any", "import torch", *OWN.values(), ""]
)


FILE = re.compile(r"^<!-- file: (\w+\.py) -->\n```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
"""A block that a page takes for a file, which other blocks may import."""


def blocks(text: str) -> str:
    """Return the Python blocks of a document as one file."""
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    tree = ast.parse(code)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    given = {node.id for node in names if isinstance(node.ctx, ast.Store)} | {*vars(builtins)}
    given |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own = sorted({node.id for node in names} & OWN.keys() - given)
    return f"from own import {', '.join(own)}\n{code}" if own else code


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blocks")
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        (folder / f"{document.stem.lower()}_md.py").write_text(blocks(text))
        for name, code in FILE.findall(text):
            (folder / name).write_text(code)
    (folder / "own.py").write_text(READERS)
    (folder / "mistakes.py").write_text("\n".join(["import batchnorm", "import torch", *MISTAKES, ""]))
    return folder


MISTAKES = {
    "batchnorm.recalibrat": "recalibrat",
    "batchnorm.recalibrate(torch.nn.ReLU(), 3)": "Iterable",
    "batchnorm.fit(epochs=3)": "epochs",
    "batchnorm.TrainConfig(learning_rate=3.0)": "learning_rate",
    "batchnorm.statistics.use_batch_statistics(3)": "Module",
    "batchnorm.nn.BatchNorm2d(8, activaton='relu')": "activaton",
    "text: str = batchnorm.fit().model": "Module",
    "other: str = batchnorm.nn.BatchNorm2d(8).forward(torch.ones(1))": "Tensor",
}
"""A line that is wrong, and a word that the checker must say of it."""
TORCHS = ("--allow-untyped-calls", "--disable-error-code=import-untyped")
"""Torch leaves `backward` and much of its exporters untyped, and some of what a model is exported to has no types."""
CHECKERS = {
    "mypy": ("--strict", *TORCHS, "--no-error-summary", "--config-file=", "."),
    "pyright": ("--pythonpath", sys.executable, "."),
}


@pytest.fixture(scope="module", params=CHECKERS)
def said(request: pytest.FixtureRequest, files: Path) -> list[str]:
    """What a checker says, line by line, in a folder that knows no configuration of ours."""
    silent = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # it would ask the network for newer versions
    command = [sys.executable, "-m", request.param, *CHECKERS[request.param]]
    done = subprocess.run(command, cwd=files, env=os.environ | silent, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr  # for the mistakes
    return done.stdout.splitlines()


@pytest.mark.slow
def test_every_block_passes(said: list[str]) -> None:
    assert [line for line in said if "_md.py" in line and ("error" in line or "warning" in line)] == []


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(said: list[str], mistake: str) -> None:
    place = rf"mistakes\.py:{3 + [*MISTAKES].index(mistake)}[: ]"
    assert any(re.search(place, line) and MISTAKES[mistake] in line for line in said), said


def test_blocks_are_found_and_what_is_the_readers_own_declared() -> None:
    text = "```python\nprint(model)\n```\n\n```bash\nls\n```\n\n```python\nloader = [1]\nprint(loader)\n```\n"
    assert blocks(text) == "from own import model\nprint(model)\n\nloader = [1]\nprint(loader)\n"
