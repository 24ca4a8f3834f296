"""`--data package.module:source`, wherever there is `--data`; a run on such data is used by naming them again."""

import sys
from pathlib import Path

import pytest

OWN = """
from dataclasses import replace

import torch
from torch import nn

from batchnorm import data


class Few:
    def __init__(self, name="few"):
        self.bundled = data.get("fashion-mnist-mini")
        self.info = replace(self.bundled.info, name=name)

    def locate(self):
        return self.bundled.locate()

    def load(self, split):
        return self.bundled.load(split).subset(torch.arange(300 if split == "train" else 100))


few = Few()


def others():
    return Few("others")


def broken():
    return {}


def gone():
    raise FileNotFoundError("images/")


def net(num_classes):
    return nn.Sequential(nn.Conv2d(1, 3, 5, stride=4), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(108, num_classes))
"""
QUICK = ["--epochs", 1, "--threads", 1, "--quiet"]
NAMED = ["--model", "own_images:net", "--data", "own_images:few"]


@pytest.fixture
def trained(batchnorm) -> Path:
    """A run of an own net on own data."""
    sys.modules.pop("own_images", None)
    Path("own_images.py").write_text(OWN)
    assert batchnorm("train", *NAMED, "--out", "run", *QUICK).code == 0
    return Path("run")


USES = {
    "evaluate": ["evaluate", "run"],
    "recalibrate": ["recalibrate", "run", "--quiet"],
    "fold": ["fold", "run", "-o", "folded.safetensors", "--quiet"],
    "predict": ["predict", "run", "--test-images", "3"],
    "wiring": ["wiring", "run"],
    "train": ["train", "--resume", "run", "--quiet"],
}


def test_every_command_uses_a_run_on_own_data_that_are_named_again(batchnorm, trained) -> None:
    for name, arguments in USES.items():
        said = batchnorm(*arguments, *NAMED)
        assert (name, said.code) == (name, 0), said.err


def test_unnamed_data_are_asked_for_by_the_option_that_works(batchnorm, trained) -> None:
    for name in ("evaluate", "recalibrate", "fold", "predict"):
        said = batchnorm(*USES[name], *NAMED[:2])
        assert (said.code, said.out) == (2, ""), name
        assert (
            "your own ('few'), and a file may not choose which code runs. Name them: --data package.module" in said.err
        )
    said = batchnorm(*USES["train"], *NAMED[:2])
    assert (said.code, "Name them: --data own_images:few." in said.err) == (2, True)
    said = batchnorm(*USES["evaluate"], *NAMED[2:])
    assert (said.code, "such as --model own_images:net." in said.err) == (2, True)


def test_nothing_is_imported_because_a_file_says_so(batchnorm, trained) -> None:
    del sys.modules["own_images"]
    Path("own_images.py").write_text("raise SystemExit('imported')\n")
    for arguments in USES.values():
        assert "imported" not in batchnorm(*arguments).err
    assert "own_images" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_imgs:few", "--data: 'own_imgs:few': there is no module 'own_imgs'"),
        ("own_images:fw", "has no 'fw'. Did you mean 'few'?"),
        ("own_images:broken", "own_images:broken returned a dict"),
        ("own_images:gone", "own_images:gone: raised FileNotFoundError: images/"),
        ("own_images:net", "expected a function that needs no arguments, got (num_classes)"),
    ],
)
def test_a_name_that_is_no_data_set_is_one_message(batchnorm, trained, name: str, message: str) -> None:
    said = batchnorm("evaluate", "run", *NAMED[:2], "--data", name)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err


def test_other_data_than_those_of_the_run_do_not_go_on_with_it(batchnorm, trained) -> None:
    said = batchnorm(*USES["train"], "--model", "own_images:net", "--data", "fashion-mnist-mini")
    assert (said.code, said.out) == (2, "")
