"""The command line, called as a user does but in this process; runs are small and shared."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchnorm.cli import main

# A net of a few thousand parameters on the bundled images, in one thread: about two seconds an epoch.
SMALL = ["--model-args", "width", "4", "--batch-size", "250", "--threads", "1"]


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of the standard output, read as JSON."""
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def batchnorm(capsys, monkeypatch, tmp_path) -> Callable[..., Said]:
    """Call `batchnorm ARGUMENTS...` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Said:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("shared") / "run"
    assert main(["train", "--epochs", "1", "--out", str(folder), "--quiet", *SMALL]) == 0
    return folder


@pytest.fixture(scope="session")
def small() -> list[str]:
    return SMALL
