"""Are the options of a verb refused that are no object of theirs, before any file is opened?"""

import pytest
import torch
from torch import nn

from batchnorm.errors import InputTypeError
from batchnorm.runs import fold_checkpoint, recalibrate_checkpoint, recalibrate_run, wiring_of_checkpoint
from batchnorm.runs._fold_net import folded_copy


@pytest.mark.parametrize(
    "recalibrate",
    [
        lambda options: recalibrate_run("nowhere", options=options),
        lambda options: recalibrate_checkpoint("nowhere.pt", model="nets:net", out="a.pt", options=options),
    ],
    ids=["run", "checkpoint"],
)
@pytest.mark.parametrize(("options", "got"), [({"method": "exact"}, "a dict"), (None, "None")])
def test_options_of_a_recalibration_are_an_object_of_their_class(recalibrate, options: object, got: str) -> None:
    with pytest.raises(
        InputTypeError, match=rf"options: expected a RecalibrationOptions, got {got}\. Write options=Re"
    ):
        recalibrate(options)


def test_options_of_a_fold_are_an_object_of_their_class() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval()
    with pytest.raises(
        InputTypeError, match=r"options: expected a FoldOptions, got a dict\. Write options=FoldOptions"
    ):
        folded_copy(net, (torch.randn(2, 1, 5, 5),), {"verify": False})


@pytest.mark.parametrize(
    "verb",
    [
        lambda: recalibrate_checkpoint("a.pt", model=nn.Linear(1, 1), dataset="fashion-mnist-mini", out="b.pt"),
        lambda: fold_checkpoint("a.pt", model=nn.Linear(1, 1), inputs=[(1, 1)], out="b.safetensors"),
        lambda: wiring_of_checkpoint("a.pt", model=nn.Linear(1, 1), inputs=[(1, 1)]),
    ],
    ids=["recalibrate", "fold", "wiring"],
)
def test_a_module_for_a_checkpoint_is_refused_with_the_verb_that_takes_modules(verb, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(nn.Linear(1, 1).state_dict(), "a.pt")
    with pytest.raises(
        InputTypeError, match=r"model: expected 'package\.module:function', .* got a Linear\. Load the w"
    ):
        verb()
