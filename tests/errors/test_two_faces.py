"""What is wrong, told twice: to a caller in Python in arguments, to a user of the command line in options."""

import copy
import pickle

import pytest
import torch
from torch import nn

import batchnorm
from batchnorm.cli._wording import is_option, told
from batchnorm.errors import Fault, FaultError, ForPython, InputError, RefusedError, Sentence, Setting, in_verb
from batchnorm.runs import RunFolder, TrainConfig, check_output
from batchnorm.statistics import RecalibrationOptions
from batchnorm.surgery import FoldOptions
from batchnorm.transaction import verb


def net():
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


CHANCE = torch.Generator().manual_seed(0)


class Drawing(nn.Module):
    """Gives something else each time, by a generator that nobody knows of."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x):
        return self.norm(x) + torch.rand(x.shape, generator=CHANCE)


BATCHES = [torch.randn(4, 2, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]

# What goes wrong, what Python is told, and what the command line is told.
CASES = {
    "a name": (
        lambda: batchnorm.recalibrate(net(), BATCHES, method="exakt"),
        "recalibrate: method: expected 'average' or 'exact', got 'exakt'. Did you mean 'exact'?",
        "--method: expected 'average' or 'exact', got 'exakt'. Did you mean 'exact'?",
    ),
    "a loader": (
        lambda: batchnorm.recalibrate(net(), iter(BATCHES), method="exact"),
        "recalibrate: loader: expected a loader that can be read several times, got a list_iterator, which gives its "
        "batches only once. Pass the loader itself or a list of its batches, or use method='average'.",
        "expected a loader that can be read several times, got a list_iterator, which gives its batches only once. "
        "Pass the loader itself or a list of its batches, or use --method average.",
    ),
    "advice for Python alone": (
        lambda: batchnorm.recalibrate(net(), [torch.zeros(1, 2)]),
        "recalibrate: expected more than one value per channel, got one for 1 in batch 1, which has no variance. Use "
        "larger batches, drop a short last one (drop_last=True), or use method='exact', which takes any batch size.",
        "expected more than one value per channel, got one for 1 in batch 1, which has no variance. Use larger "
        "batches, or use --method exact, which takes any batch size.",
    ),
    "a limit": (
        lambda: batchnorm.recalibrate(nn.Sequential(net(), net()), BATCHES, method="exact", max_rounds=2),
        "recalibrate: max_rounds: expected at least 3 for this model, got 2. Allow more, or pass keep_partial=True for "
        "statistics that are exact as far down as they get.",
        "--max-rounds: expected at least 3 for this model, got 2. Allow more, or pass --keep-partial for statistics "
        "that are exact as far down as they get.",
    ),
    "a flag that is on": (
        lambda: batchnorm.fold(Drawing().eval(), BATCHES[0]),
        r"fold: model: expected a model that gives the same output for the same input, got one whose outputs differ by "
        r"\d.* Make it repeatable, or pass verify=False.",
        r"expected a model that gives the same output for the same input, got one whose outputs differ by \d.* Make "
        r"it repeatable, or pass --no-verify.",
    ),
    "the wrong type": (
        lambda: batchnorm.fold(3, BATCHES[0]),
        "fold: model: expected a torch.nn.Module, got int. Load the model first.",
        "expected a torch.nn.Module, got int. Load the model first.",
    ),
    "an option of a training": (
        lambda: TrainConfig(batch_size=0),
        "batch_size: expected an integer of at least 1, got 0",
        "--batch-size: expected an integer of at least 1, got 0",
    ),
    "several options": (
        lambda: TrainConfig(batch_size=0, ema_decay=2),
        "batch_size: expected an integer of at least 1, got 0\nema_decay: expected a number from 0 up to, not "
        "including, 1, got 2",
        "--batch-size: expected an integer of at least 1, got 0\n--ema-decay: expected a number from 0 up to, not "
        "including, 1, got 2",
    ),
    "a file that is there": (
        lambda: check_output(__file__, overwrite=False),
        r"out: .*test_two_faces.py exists already. Choose another, or pass overwrite=True to replace it.",
        r"--out: .*test_two_faces.py exists already. Choose another, or pass --overwrite to replace it.",
    ),
    "a verb's options": (
        lambda: FoldOptions(verify=None),
        "verify: expected True or False, got None",
        "--verify: expected True or False, got None",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_python_is_told_arguments_and_the_command_line_options(case):
    wrong, python, command = CASES[case]
    torch.manual_seed(0)
    with pytest.raises(FaultError, match=_pattern(python)) as caught:
        wrong()
    assert "--" not in str(caught.value)
    with pytest.raises(ValueError, match=_pattern(command)):
        raise ValueError(told(caught.value))


def _pattern(text):
    """Whole sentences; those with a number that nobody knows beforehand are patterns already."""
    import re

    return f"(?s)^{text if '.*' in text else re.escape(text)}$"


def test_how_to_go_on_is_a_call_in_python_and_a_command_at_the_command_line(tmp_path):
    words = RunFolder(tmp_path / "a b").resuming("nets:own")
    error = InputError("stopped", cure=("Go on: ", words, "."))
    assert str(error) == f"stopped. Go on: batchnorm.training.resume('{tmp_path}/a b', model='nets:own')."
    assert told(error) == f"stopped. Go on: batchnorm train --resume '{tmp_path}/a b' --model nets:own."


def test_a_note_is_text_for_python_and_told_in_options():
    note = Sentence(Setting("max_rounds", 3), " reached")
    assert (note, told(note), told("max_rounds=3")) == (
        "max_rounds=3 reached",
        "--max-rounds 3 reached",
        "max_rounds=3",
    )


@pytest.mark.parametrize("again", [copy.deepcopy, lambda kept: pickle.loads(pickle.dumps(kept))])  # noqa: S301 - our own
def test_a_note_that_is_copied_keeps_its_words(again):
    assert told(again(Sentence("see ", Setting("out")))) == "see --out"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda kept: pickle.loads(pickle.dumps(kept))])  # noqa: S301 - our own
def test_an_error_that_is_copied_keeps_its_words(again):
    error = RefusedError("too few", verb="fold", argument="max_rounds", cure=ForPython("Say more."))
    kept = again(error)
    assert (type(kept), str(kept), told(kept)) == (RefusedError, str(error), "--max-rounds: too few")


def test_an_error_within_another_is_told_to_the_same_reader():
    inner = InputError(argument="val_fraction", expected="less", got="1", cure="Hold fewer out.")
    outer = InputError(("run.toml: ", inner.fault), cure=("Or pass ", Setting("resume"), "."))
    assert str(outer) == "run.toml: val_fraction: expected less, got 1. Hold fewer out. Or pass resume."
    assert told(outer) == "run.toml: --val-fraction: expected less, got 1. Hold fewer out. Or pass --resume."


def test_an_advice_that_only_python_is_given_leaves_no_stop_behind():
    assert told(InputError("it is on another device", cure=ForPython("Move it."))) == "it is on another device"


def test_a_verb_that_another_has_called_does_not_name_itself():
    @verb
    def inner():
        raise RefusedError("no")

    @verb
    def outer():
        inner()

    with pytest.raises(RefusedError, match=r"^outer: no$"):
        outer()
    with pytest.raises(RefusedError, match=r"^inner: no$"):
        inner()


def test_what_somebody_else_raises_is_not_named():
    with pytest.raises(ValueError, match=r"^theirs$"), in_verb("fold"):
        raise ValueError("theirs")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("recalibrate", "max_rounds"), True),
        (Fault("recalibrate", "model"), False),  # a module, which no option gives
        (Fault(argument="model"), True),  # the name of one's own net
        (Fault("fold"), False),
    ],
)
def test_an_object_of_python_is_no_option(fault, expected):
    assert is_option(fault) is expected


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"method": "all"}, "method"),
        ({"variance": None}, "variance"),
        ({"max_rounds": 1.5}, "max_rounds"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"tolerance": "small"}, "tolerance"),
    ],
)
def test_the_options_of_a_recalibration_are_checked_when_they_are_made(wrong, argument):
    with pytest.raises((TypeError, ValueError), match=f"^{argument}: expected ") as caught:
        RecalibrationOptions(**wrong)
    assert caught.value.fault.argument == argument


def test_a_verb_and_its_dataclass_have_the_same_options_and_defaults():
    import inspect
    from dataclasses import fields

    for function, options in ((batchnorm.recalibrate, RecalibrationOptions), (batchnorm.fold, FoldOptions)):
        parameters = inspect.signature(function).parameters
        assert {one.name: one.default for one in fields(options)} == {
            one.name: parameters[one.name].default for one in fields(options)
        }
