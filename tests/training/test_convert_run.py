"""The model of a run with the norms of another library: the same bits, proved to compute the same, and back."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import batchnorm
from batchnorm.errors import InputError, InputTypeError, RefusedError
from batchnorm.models import build
from batchnorm.runs import TrainConfig, convert_run, evaluate, fold_run, load_run, revert_run, save_model
from batchnorm.runs._safetensors import DIGEST, read_safetensors, safetensors_bytes
from batchnorm.training import fit

from .runs import assert_same_bits

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = TrainConfig(model_args={"width": 4}, epochs=1, batch_size=100, threads=1, val_fraction=0.1)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "new.safetensors"


def rewritten(path: Path, **metadata: str) -> None:
    """A model file that says something else."""
    tensors, said = read_safetensors(path)
    del said[DIGEST]
    path.write_bytes(safetensors_bytes(tensors, {**said, **metadata}))


def test_a_run_becomes_a_model_of_torchs_layers_with_the_same_bits(run, path):
    before = (run / "model.safetensors").read_bytes()
    said = convert_run(run, "torch", out=path)
    net, card = load_run(path)
    assert {type(net.bn1), type(net.bn2)} == {nn.BatchNorm2d}
    assert card == replace(load_run(run)[1], arguments={**load_run(run)[1].arguments, "norm": "torch"})
    assert_same_bits(net.state_dict(), load_run(run)[0].state_dict())
    assert [(norm.name, norm.becomes, norm.outcome) for norm in said.report.norms] == [
        ("bn1", "torch.nn.BatchNorm2d", "converted"),
        ("bn2", "torch.nn.BatchNorm2d", "converted"),
    ]
    assert (run / "model.safetensors").read_bytes() == before


def test_both_nets_are_proved_to_compute_the_same_in_both_modes(run, path):
    proof = convert_run(run, "torch", out=path).report.proof
    assert proof.modes == ("evaluation", "training")
    assert proof.error_float64 <= 1e-12


def test_a_converted_model_is_evaluated_like_any_other(run, path, few):
    convert_run(run, "torch", out=path)
    assert evaluate(path, source=few).running.accuracy == evaluate(run, source=few).running.accuracy


def test_reverting_gives_back_the_model_file_as_it_was(run, path, tmp_path):
    convert_run(run, "torch", out=path)
    said = revert_run(path, out=tmp_path / "again.safetensors")
    (tensors, metadata), (found, about) = (
        read_safetensors(file) for file in (run / "model.safetensors", tmp_path / "again.safetensors")
    )
    assert about == metadata
    assert_same_bits(found, tensors)
    assert said.report.named("reverted") == ("bn1", "bn2")


def test_moments_that_torchs_layers_do_not_know_come_back(few, tmp_path, path):
    fit(replace(CONFIG, moments="ghost:8"), out=tmp_path / "run", source=few)
    said = convert_run(tmp_path / "run", "torch", out=path)
    assert (load_run(path)[1].moments, said.report.proof.modes) == ("batch", ("evaluation",))
    assert "trained further, it normalizes by the moments 'batch' instead of 'ghost:8'" in said.report.notes[0]
    revert_run(path, out=tmp_path / "again.safetensors")
    assert load_run(tmp_path / "again.safetensors")[1].moments == "ghost:8"


def test_a_run_with_the_norms_that_are_asked_for_is_said_to_have_them(run, path):
    assert convert_run(run, "batchnorm", out=path).report.named("already") == ("bn1", "bn2")
    assert convert_run(path, "torch", out=path.with_name("torch.safetensors")).report.named("converted") == (
        "bn1",
        "bn2",
    )


@pytest.fixture
def own_run(few, tmp_path, monkeypatch) -> Callable[[str, str], tuple[Path, str]]:
    """Trains a net of the caller's own, of that module and its text; gives the run and the net's name."""

    def train(module: str, text: str) -> tuple[Path, str]:
        (tmp_path / f"{module}.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        run, own = tmp_path / "run", f"{module}:net"
        fit(TrainConfig(model=own, epochs=1, batch_size=100, threads=1), out=run, source=few)
        return run, own

    return train


def test_a_net_of_ones_own_is_built_with_either_norm(own_run, path):
    run, own = own_run(
        "nets_of_mine",
        "from torch import nn\nimport batchnorm\n"
        "def net(norm='batchnorm'):\n"
        "    kind = {'batchnorm': batchnorm.nn, 'torch': nn}[norm].BatchNorm2d\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 28), kind(4), nn.Flatten(), nn.Linear(4, 10))\n",
    )
    convert_run(run, "torch", model=own, out=path)
    assert type(load_run(path, own)[0][1]) is nn.BatchNorm2d


def test_a_net_that_computes_something_else_with_the_other_norm_is_refused(own_run, path):
    run, own = own_run(
        "nets_that_differ",
        "from torch import nn\n"
        "def net(norm='batchnorm'):\n"
        "    act = nn.ReLU() if norm == 'torch' else nn.Identity()\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 28), nn.BatchNorm2d(4), act, nn.Flatten(), nn.Linear(4, 10))\n",
    )
    with pytest.raises(
        RefusedError, match=r"computes something else: in float64 it differs by .*; nothing was written$"
    ):
        convert_run(run, "torch", model=own, out=path)
    assert not path.exists()


def test_a_net_of_timm_is_converted(few, tmp_path, path, timm):
    config = replace(CONFIG, model="timm:test_efficientnet", model_args={}, norm="torch")
    fit(config, out=tmp_path / "run", source=few)
    convert_run(tmp_path / "run", "batchnorm", out=path)
    assert type(load_run(path)[0].bn1) is batchnorm.nn.BatchNorm2d


REFUSED = {
    "unknown": (
        "trch",
        {},
        r"^to: expected batchnorm or torch for the net of a run, got 'trch'\. Did you mean 'torch'\?$",
    ),
    "of checkpoints": ("frozen", {}, r"^to: expected batchnorm or torch for the net of a run, got 'frozen'$"),
    "nowhere": ("torch", {"out": None}, r"^out: expected the name of a new file"),
    "a pickle": ("torch", {"out": "new.pt"}, r"^out: expected a name ending in \.safetensors"),
    "a net": (
        "torch",
        {"model": nn.Identity()},
        r"^model: expected 'package.module:function', .* Convert the net itself",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_of_a_run_is_one_message(run, path, monkeypatch, case):
    monkeypatch.chdir(run.parent)
    to, options, message = REFUSED[case]
    with pytest.raises((InputError, InputTypeError), match=message):
        convert_run(run, to, **{"out": path, **options})
    assert not path.exists()


def test_a_model_is_converted_once_and_reverted_if_it_was(run, path, tmp_path):
    with pytest.raises(
        InputError, match=r"model\.safetensors: it was not converted\. Convert it: to='batchnorm or torch'\.$"
    ):
        revert_run(run, out=path)
    convert_run(run, "torch", out=path)
    with pytest.raises(InputError, match=r"it was converted already\. First get back .* batchnorm\.runs\.revert_run\("):
        convert_run(path, "batchnorm", out=tmp_path / "again.safetensors")


@pytest.mark.parametrize(
    "said", ["", "[]", "{}", '{"norm": "os:system", "moments": "batch"}', '{"norm": "torch", "moments": 3}']
)
def test_what_a_file_says_of_its_conversion_is_not_believed(run, path, tmp_path, said):
    convert_run(run, "torch", out=path)
    rewritten(path, converted=said)
    with pytest.raises(InputError, match=r"new\.safetensors: what it says of its conversion is broken"):
        revert_run(path, out=tmp_path / "again.safetensors")


def test_a_folded_model_is_refused(run, few, path):
    fold_run(run, out=run / "folded.safetensors", source=few)
    with pytest.raises(InputError, match=r"this net is folded already"):
        convert_run(run / "folded.safetensors", "torch", out=path)


@pytest.mark.parametrize("norm", ["none", ["torch"]])
def test_a_net_without_norms_or_with_others_is_refused(run, path, tmp_path, norm):
    _, card = load_run(run)
    net = build(card.model, num_classes=10, in_channels=1, image_size=28, norm="none", width=4)
    save_model(tmp_path / "m.safetensors", net, replace(card, arguments={**card.arguments, "norm": norm}))
    with pytest.raises(InputError, match=r"m\.safetensors: .*norm"):
        convert_run(tmp_path / "m.safetensors", "torch", out=path)


def test_a_net_that_raises_while_it_is_compared_is_told(run, path, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "backward", lambda *_: json.loads("nonsense"))
    with pytest.raises(
        InputError, match=r"the nets with either norm cannot be compared: one of them raised JSONDecodeError"
    ):
        convert_run(run, "torch", out=path)
