"""The command line, called as a user does but in this process; runs are small and shared."""

import json
import os
import pty
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from batchnorm import data
from batchnorm.cli import main
from batchnorm.data import Split, SplitName

from ..bundled_images import first

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
        return first(split, 300 if split == "train" else 100)


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
    """Call `batchnorm ARGUMENTS...` in an empty folder, and give what a terminal shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> str:
        controller, terminal = pty.openpty()
        shown: list[bytes] = []
        reader = threading.Thread(target=_read_all, args=(controller, shown))
        reader.start()
        with open(terminal, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:  # noqa: PTH123 - a device
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            code = main([str(argument) for argument in arguments])
        reader.join()
        os.close(controller)
        assert code == 0
        return b"".join(shown).decode()

    return call


def _read_all(controller: int, shown: list[bytes]) -> None:
    with suppress(OSError):  # Linux answers EIO when the other side has closed
        while chunk := os.read(controller, 4096):
            shown.append(chunk)


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("shared") / "run"
    assert main(["train", "--epochs", "1", "--out", str(folder), "--quiet", *SMALL]) == 0
    return folder


@pytest.fixture(scope="session")
def small() -> list[str]:
    return SMALL
