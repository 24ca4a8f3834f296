"""`batchnorm train --model timm:NAME`, and every command on what it wrote; mistakes are one message."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image

from .conftest import FewImages

NET = ["--model", "timm:test_efficientnet", "--batch-size", "250", "--threads", "1", "--quiet"]


@pytest.fixture(autouse=True)
def _libraries(peers) -> None:
    peers.load("timm")
    peers.load("torchvision")


def test_a_net_of_timm_is_trained_and_used_without_being_named_again(batchnorm, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "a_few", ModuleType("a_few"))
    sys.modules["a_few"].source = FewImages
    few = ["--data", "a_few:source"]
    assert batchnorm("train", *NET, *few, "--epochs", 1, "--model-args", "act_layer", "relu", "--out", "run").code == 0
    assert 'act_layer = "relu"' in Path("run/config.toml").read_text()
    Image.new("L", (28, 28), 200).save("shirt.png")
    for arguments in (
        ["evaluate", "run", *few],
        ["predict", "run", "shirt.png"],
        ["fold", "run", *few, "-o", "folded.safetensors"],
        ["convert", "run", "--to", "torch", "-o", "torch.safetensors"],
        ["train", "--resume", "run", *few],
    ):
        assert batchnorm(*arguments).code == 0, arguments


MISTAKES = {
    "unknown": (["--model", "timm:resnet181"], "--model: timm 1.", "Did you mean 'timm:resnet18'"),
    "weights": (
        ["--model-args", "pretrained", "True"],
        "--model-args: pretrained would load weights",
        "--init timm:test_efficientnet",
    ),
    "argument": (
        ["--model-args", "wdith", "3"],
        "--model-args: timm:test_efficientnet: making the net raised",
        "wdith",
    ),
    "norm": (
        ["--norm", "frozen"],
        "--norm: expected one of batchnorm, torch, none for timm:test_efficientnet",
        "frozen",
    ),
    "activation": (["--activation", "silu"], "--activation: timm:test_efficientnet has its own", "act_layer"),
    "small": (["--model", "torchvision:inception_v3"], "--model: the net cannot take", "It takes images of 128x128"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_message_before_anything_is_written(batchnorm, case: str) -> None:
    arguments, *messages = MISTAKES[case]
    said = batchnorm("train", *NET, *arguments, "--out", "run")
    assert (said.code, said.out) == (2, "")
    assert all(message in said.err for message in messages), said.err
    assert said.err.startswith("batchnorm train: ")
    assert said.err.count("\n") == 1
    assert not Path("run").exists()


def test_a_library_that_is_not_installed_is_one_message(batchnorm, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    said = batchnorm("train", *NET, "--out", "run")
    assert (said.code, said.out) == (2, "")
    assert said.err == "batchnorm train: --model: timm is not installed. Install it: pip install 'batchnorm[zoo]'.\n"


def test_a_checkpoint_of_a_public_net_is_folded_by_its_name_whatever_its_classes(batchnorm) -> None:
    net = sys.modules["timm"].create_model("test_efficientnet", num_classes=7, in_chans=1)
    torch.save(net.state_dict(), "net.pt")
    said = batchnorm("fold", "net.pt", "--model", NET[1], "--input", "2x1x32x32", "-o", "folded.safetensors")
    assert said.code == 0
    assert "13 of 13 norms folded" in said.out
