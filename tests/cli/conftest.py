"""The command line, called as a user does but in this process; runs are small and shared."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from batchnorm import data
from batchnorm.cli import main
from batchnorm.data import Split, SplitName

# A net of a few thousand parameters on the bundled images, in one thread: about two seconds an epoch.
SMALL = ["--model-args", "width", "4", "--batch-size", "250", "--threads", "1"]


class FewImages:
    """The first images of the bundled set, as a source of one's own."""

    def __init__(self, name: str = "few") -> None:
        self.bundled = data.get("fashion-mnist-mini")
        self.info = replace(self.bundled.info, name=name, train_size=300, test_size=100)

    def locate(self) -> Path | None:
        return self.bundled.locate()

    def load(self, split: SplitName) -> Split:
        return self.bundled.load(split).subset(torch.arange(300 if split == "train" else 100))


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


@pytest.fixture
def on_a_terminal(monkeypatch, tmp_path) -> Callable[..., str]:
    """Call `batchnorm ARGUMENTS...` in an empty folder and a process of its own, and give what a terminal shows."""
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}

    def call(*arguments: object) -> str:
        controller, terminal = pty.openpty()
        command = [sys.executable, "-m", "batchnorm", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(controller, 4096):
                shown += chunk
        except OSError:
            pass  # Linux answers EIO when the other side has closed
        os.close(controller)
        assert process.wait() == 0
        return shown.decode()

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
