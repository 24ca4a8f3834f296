"""`progress=True` from Python: a bar on a terminal or in a notebook, nothing elsewhere."""

import os
import pty
import subprocess
import sys

import pytest
import rich.console
import torch
from torch import nn

from batchnorm import recalibrate
from batchnorm.progress import FoldWatcher, RecalibrationWatcher, Watcher, fold_shown, recalibration_shown
from batchnorm.progress._drawn import FittingProgress

pytestmark = pytest.mark.usefixtures("one_thread")

CURSOR_SHOWN = "\x1b[?25h"
RECALIBRATE = """
import torch
from batchnorm import recalibrate
net = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.ReLU(), torch.nn.BatchNorm1d(2))
data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
recalibrate(net, data.split(8), method="exact", progress=True)
print("done")
"""
FIT = """
from batchnorm.runs import TrainConfig, fold_run, recalibrate_run
from batchnorm.statistics import RecalibrationOptions
from batchnorm.training import fit, resume
config = TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}, threads=1)
fit(config, out="run", progress=True)
resume("run", progress=True)
recalibrate_run("run", options=RecalibrationOptions(method="exact"), progress=True)
fold_run("run", out="folded.safetensors", progress=True)
"""


@pytest.fixture
def shown(tmp_path):
    """Run Python on a terminal, and give what it shows."""

    def run(code: str, **environment: str) -> str:
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=terminal,
            stderr=terminal,
            cwd=tmp_path,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "OMP_NUM_THREADS": "1", **environment},
        )
        os.close(terminal)
        text = b""
        try:
            while chunk := os.read(controller, 4096):
                text += chunk
        except OSError:
            pass  # Linux answers EIO when the other side has closed
        os.close(controller)
        assert process.wait() == 0, text.decode()
        return text.decode()

    return run


def test_a_recalibration_draws_a_bar_on_a_terminal(shown) -> None:
    text = shown(RECALIBRATE)
    assert "━" in text
    assert "round 3 of 3" in text
    assert "done" in text


@pytest.mark.slow
def test_a_training_and_what_follows_draw_on_a_terminal(shown) -> None:
    text = shown(FIT)
    for part in ("━", "img/s", "epoch 1/1", "round 1", "folding ..."):
        assert part in text
    assert text.count("4,290 parameters") == 2  # of the training, and of the one that goes on


def test_without_a_terminal_nothing_is_drawn_whatever_rich_is_told(capfd, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    net, data = nn.BatchNorm1d(2), torch.randn(8, 2).split(4)
    recalibrate(net, data, progress=True)
    assert capfd.readouterr() == ("", "")


def test_in_a_notebook_it_is_drawn_as_rich_does_it(monkeypatch) -> None:
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    drawn = []
    monkeypatch.setattr(FittingProgress, "refresh", lambda progress: drawn.append(1))
    monkeypatch.setattr(FittingProgress, "start", lambda progress: None)
    monkeypatch.setattr(FittingProgress, "stop", lambda progress: None)
    with recalibration_shown(None, progress=True) as told:
        told.batch(1, 4, 1)
    assert drawn


def test_a_watcher_hears_the_same_with_a_bar(monkeypatch) -> None:
    class Listener(RecalibrationWatcher):
        def __init__(self) -> None:
            self.heard: list[tuple[int, int | None, int]] = []

        def batch(self, done: int, total: int | None, number: int) -> None:
            self.heard.append((done, total, number))

    net, data = nn.BatchNorm1d(2), torch.randn(8, 2).split(2)
    alone, beside = Listener(), Listener()
    recalibrate(net, data, watcher=alone)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    recalibrate(net, data, watcher=beside, progress=True)
    assert beside.heard == alone.heard
    assert len(alone.heard) == 4


def test_the_bar_is_gone_and_the_error_stays_when_the_work_fails(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(ZeroDivisionError, match="division"), fold_shown(None, progress=True):
        _ = 1 / 0
    assert capsys.readouterr().err.endswith(CURSOR_SHOWN + "\r\x1b[1A\x1b[2K")


def test_a_bar_has_no_thread_of_its_own(monkeypatch) -> None:
    import threading

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    before = threading.active_count()
    with fold_shown(None, progress=True) as told:
        told.doing("folding")
        assert threading.active_count() == before


@pytest.mark.parametrize("kind", [Watcher, RecalibrationWatcher, FoldWatcher])
def test_every_event_of_a_watcher_has_a_bar_that_hears_it(kind) -> None:
    from batchnorm.progress._fold import FoldBar
    from batchnorm.progress._recalibration import RoundBar
    from batchnorm.progress._training import Bar

    bar = {Watcher: Bar, RecalibrationWatcher: RoundBar, FoldWatcher: FoldBar}[kind]
    events = [name for name in dir(kind) if not name.startswith("_")]
    assert [name for name in events if getattr(bar, name) is getattr(kind, name)] == []
