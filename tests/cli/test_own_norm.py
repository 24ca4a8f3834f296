"""`--norm package.module:function`."""

import sys
from pathlib import Path

import pytest

LAYERS = """
from torch import nn

class Scaled(nn.BatchNorm2d):
    pass
"""
NORM = ["--norm", "cli_layers:Scaled"]


@pytest.fixture
def own(batchnorm, small, monkeypatch) -> str:
    monkeypatch.delitem(sys.modules, "cli_layers", raising=False)
    Path("cli_layers.py").write_text(LAYERS)
    assert batchnorm("train", *NORM, "--epochs", 1, "--out", "own", "--quiet", *small).code == 0
    return "own"


def test_every_command_takes_a_run_with_own_norms_when_they_are_named_and_only_then(batchnorm, own) -> None:
    for command in (
        ["evaluate", own, "--threads", 1],
        ["predict", own, "--test-images", 2, "--threads", 1],
        ["wiring", own],
        ["recalibrate", own, "--max-samples", 200, "--threads", 1],
        ["fold", own, "-o", "folded.safetensors", "--no-verify", "--threads", 1],
        ["train", "--resume", own],
    ):
        unnamed = batchnorm(*command)
        assert (unnamed.code, unnamed.out) == (2, ""), command
        assert (
            "a file may not choose which code runs. If you trust it, say so: --norm cli_layers:Scaled." in unnamed.err
        )
        assert "Traceback" not in unnamed.err
        assert batchnorm(*command, *NORM).code == 0, command


def test_a_norm_beside_a_run_that_has_none_of_its_own_is_refused_by_its_option(batchnorm, run, own) -> None:
    said = batchnorm("evaluate", run, *NORM)
    assert said.code == 2
    assert "--norm: the norm layers are 'batchnorm'. Leave --norm out: it is for layers of your own." in said.err


def test_a_norm_of_ours_is_no_way_to_go_on_with_one_s_own(batchnorm, run) -> None:
    said = batchnorm("train", "--resume", run, "--norm", "torch")
    assert (said.code, said.out) == (2, "")
    assert "Leave out --norm." in said.err


def test_a_run_with_own_norms_is_trained_recalibrated_and_folded_at_the_end(batchnorm, small, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "cli_layers", raising=False)
    Path("cli_layers.py").write_text(LAYERS)
    last = ["--recalibrate", "average", "--fold", "--val-fraction", 0.9]
    said = batchnorm("train", *NORM, *last, "--epochs", 1, "--out", "own", "--json", *small)
    assert (said.code, said.json["folded"]) == (0, 2)
    assert batchnorm("evaluate", "own/folded.safetensors", *NORM, "--threads", 1).code == 0


def test_a_name_of_no_norm_is_one_message(batchnorm, small) -> None:
    Path("cli_layers.py").write_text(LAYERS)
    said = batchnorm("train", "--norm", "cli_layers:Scald", "--out", "run", *small)
    assert (said.code, said.out) == (2, "")
    assert "has no 'Scald'. Did you mean 'Scaled'?" in said.err
    assert not Path("run").exists()


def test_a_run_of_ours_takes_no_norm_of_one_s_own(batchnorm, run) -> None:
    Path("cli_layers.py").write_text(LAYERS)
    said = batchnorm("evaluate", run, *NORM)
    assert (said.code, said.out) == (2, "")
    assert "the norm layers are 'batchnorm'" in said.err
