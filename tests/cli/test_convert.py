"""`batchnorm convert`: a run's model or a checkpoint with other norms, what became of each, or one message."""

from pathlib import Path

import pytest
import torch
from torch import nn

from batchnorm.runs import load_run


@pytest.fixture
def checkpoint(batchnorm) -> str:
    """`net.pt`, a state_dict in the current folder."""
    torch.save(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).state_dict(), "net.pt")
    return "net.pt"


def test_a_checkpoint_is_converted_and_reverted_and_each_norm_is_shown(batchnorm, checkpoint) -> None:
    said = batchnorm("convert", checkpoint, "--to", "frozen", "-o", "frozen.safetensors")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("1 of 1 norm converted to frozen batch norm\n")
    assert said.out.endswith("written: frozen.safetensors\n")
    assert batchnorm("convert", "frozen.safetensors", "--revert", "-o", "again.pt").code == 0
    again, before = (torch.load(path, weights_only=True) for path in ("again.pt", checkpoint))
    assert {*again} == {*before}
    assert all(torch.equal(again[name], before[name]) for name in before)


def test_a_run_is_converted_and_the_answer_is_one_object(batchnorm, run) -> None:
    said = batchnorm("convert", run, "--to", "torch", "-o", "torch.safetensors", "--json")
    assert said.code == 0
    assert (said.json["record"], said.json["report"]["verb"]) == ("RunConversion", "convert")
    assert type(load_run("torch.safetensors")[0].bn1) is nn.BatchNorm2d
    assert batchnorm("convert", "torch.safetensors", "--revert", "-o", "again.safetensors", "--json").code == 0


def test_a_misspelt_file_is_told_of_as_a_file(batchnorm, checkpoint) -> None:
    said = batchnorm("convert", "nett.pt", "--to", "torch", "-o", "new.pt")
    assert said.err == (
        "batchnorm convert: nett.pt: expected a model file, found none. Check the path. Did you mean 'net.pt'?\n"
    )


MISTAKES = {
    "nothing": ([], "--to: expected what the norms are to become: batchnorm, torch, frozen, ..., got nothing."),
    "both": (["--to", "torch", "--revert"], "--revert: the file says itself what it was. Leave out --to."),
    "no file": (["--to", "torch"], "--out: expected the name of a new file"),
    "unknown": (["--to", "trch", "-o", "new.pt"], "got 'trch'. Did you mean 'torch'?"),
    "reverted": (["--revert", "-o", "new.pt"], "net.pt: it does not say what it was before a conversion"),
    "a net": (["--revert", "-o", "new.pt", "--model", "nets:a"], "--model: is not needed to revert a state_dict."),
    "no net": (
        ["--to", "torch", "-o", "new.pt", "--model", "no_such:net"],
        "--model: 'no_such:net': there is no module",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_message(batchnorm, checkpoint, case: str) -> None:
    arguments, message = MISTAKES[case]
    said = batchnorm("convert", checkpoint, *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("batchnorm convert: ")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["net.pt"]


def test_what_torch_pickled_whole_is_not_run(batchnorm) -> None:
    torch.save(nn.BatchNorm2d(2), "whole.pt")
    said = batchnorm("convert", "whole.pt", "--to", "frozen", "-o", "new.pt")
    assert said.code == 2
    assert "Nothing of it was run. Save the state_dict of a model" in said.err
    assert not Path("new.pt").exists()
