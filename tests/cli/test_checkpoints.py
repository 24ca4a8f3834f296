"""`recalibrate` and `wiring` of a state_dict of somebody's own net."""

import sys
from pathlib import Path

import pytest
import torch

CHECKPOINT_NET = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(676, 10))
"""


@pytest.fixture
def checkpoint(batchnorm, monkeypatch) -> list[str]:
    """`net.pt`, a state_dict of a net in `checkpoint_net.py`, and how both are named."""
    monkeypatch.delitem(sys.modules, "checkpoint_net", raising=False)
    Path("checkpoint_net.py").write_text(CHECKPOINT_NET)
    names: dict[str, object] = {}
    exec(CHECKPOINT_NET, names)  # noqa: S102 - the text above
    torch.save(names["net"]().state_dict(), "net.pt")
    return ["net.pt", "--model", "checkpoint_net:net", "--threads", "1"]


def test_a_state_dict_gets_the_statistics_of_a_named_set(batchnorm, checkpoint) -> None:
    options = ["--data", "fashion-mnist-mini", "--max-samples", 500, "--input", "1x1x28x28"]
    said = batchnorm("recalibrate", *checkpoint, *options, "-o", "new.pt")
    assert said.code == 0
    assert "written: new.pt" in said.out
    assert "500 train images of fashion-mnist-mini, not augmented" in said.err
    before, after = torch.load("net.pt", weights_only=True), torch.load("new.pt", weights_only=True)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"1.running_mean", "1.running_var"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "new.pt"], "is a state_dict of a net of your own"),
        (["--data", "fashion-mnist-mini"], "expected the name of a new file"),
        (["--data", "fashion-mnist-mini", "-o", "new.pt", "--input", "1x3x28x28"], "the shape of the images of"),
        (["--data", "fashion-mnist-mini", "-o", "new.pt", "--input", "1,1"], "sizes such as 1x3x224x224"),
        (["--data", "fashion-mnst", "-o", "new.pt"], "fashion-mnist"),
    ],
)
def test_a_state_dict_without_what_it_needs_is_one_message(batchnorm, checkpoint, options, message: str) -> None:
    said = batchnorm("recalibrate", *checkpoint, *options, "--quiet")
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err
    assert not Path("new.pt").exists()


def test_the_wiring_of_a_state_dict_is_shown_and_drawn(batchnorm, checkpoint) -> None:
    said = batchnorm("wiring", *checkpoint, "--input", "2x1x28x28", "-o", "net.svg")
    assert said.code == 0
    assert "1 of 1 norm folds" in said.out
    assert Path("net.svg").read_text().startswith("<")


@pytest.mark.parametrize("command", ["wiring", "recalibrate"])
def test_a_shape_beside_a_run_is_a_mistake(batchnorm, run, command: str) -> None:
    said = batchnorm(command, run, "--input", "1x1x28x28")
    assert (said.code, said.out) == (2, "")
    assert "is for a state_dict of your own net" in said.err


def test_a_state_dict_of_nan_is_not_folded(batchnorm, checkpoint) -> None:
    tensors = torch.load("net.pt", weights_only=True)
    torch.save(tensors | {"0.weight": torch.full_like(tensors["0.weight"], float("nan"))}, "net.pt")
    said = batchnorm("fold", *checkpoint, "--input", "2x1x28x28", "-o", "new.safetensors", "--quiet")
    assert (said.code, said.out) == (2, "")
    assert "none of the net's outputs is finite, and '0.weight' of its state_dict is not finite either" in said.err
    assert not Path("new.safetensors").exists()


def test_a_folded_file_is_not_named_as_one_of_torch_save(batchnorm, checkpoint) -> None:
    said = batchnorm("fold", *checkpoint, "--input", "2x1x28x28", "-o", "new.pt", "--quiet")
    assert said.code == 2
    assert "--out: expected a name ending in .safetensors, got new.pt. Use new.safetensors." in said.err
    assert not Path("new.pt").exists()


@pytest.mark.parametrize("verb", ["fold", "wiring"])
def test_data_beside_a_state_dict_that_is_run_on_random_numbers_are_refused(batchnorm, checkpoint, verb: str) -> None:
    out = ["-o", "new.safetensors"] if verb == "fold" else []
    said = batchnorm(verb, *checkpoint, "--input", "2x1x28x28", *out, "--data", "fashion-mnist-mini")
    assert said.code == 2
    assert "--data: is for runs; a state_dict takes --input" in said.err


def test_a_state_dict_where_a_run_is_wanted_is_sent_to_what_takes_one(batchnorm, checkpoint) -> None:
    said = batchnorm("evaluate", "net.pt")
    assert said.code == 2
    assert "`batchnorm recalibrate`, `fold` and `wiring` take a state_dict" in said.err
