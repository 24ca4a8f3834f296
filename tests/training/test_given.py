"""Does a training say what it takes, before anything is done?"""

import inspect
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from batchnorm.data import Split, get
from batchnorm.errors import InputError, InputTypeError
from batchnorm.models import build
from batchnorm.runs import RunFolder, TrainConfig, load_model, load_run, read_config, recalibrate_run, write_config
from batchnorm.training import fit, resume

IMAGES = TensorDataset(torch.zeros(4, 1, 28, 28), torch.zeros(4))


class NoInfo:
    """A source whose `info` is something else."""

    info = "mine"

    def locate(self) -> None: ...

    def load(self, split: str) -> None: ...


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"source": [1, 2]},
            r"source: expected a data set with info, locate and load, got a list\. Make one of torch",
        ),
        (
            {"source": DataLoader(IMAGES)},
            r"source: expected a data set .*, got a DataLoader\. Make one",
        ),
        ({"source": NoInfo}, r"source: .*, got the class NoInfo itself\. Make one: NoInfo\(\)\."),
        (
            {"source": NoInfo()},
            r"source: expected info to be a batchnorm\.data\.DatasetInfo, got a str",
        ),
        ({"config": {"epochs": 1}}, r"config: expected a TrainConfig, got dict\. Pass TrainConfig\(\*\*options\)"),
        ({"config": {}}, r"config: expected a TrainConfig, got dict"),
        ({"config": "c.toml"}, r"config: expected a TrainConfig, got str\. Read the file: .*read_config\(path\)"),
        ({"config": nn.Linear(1, 1)}, r"config: expected a TrainConfig, got Linear\. Pass model=net"),
        ({"model": nn.Sequential}, r"model: expected a torch\.nn\.Module or .*, got the class Sequential\. Make the"),
        ({"model": 3}, r"model: expected a torch\.nn\.Module or package\.module:function, got int$"),
        ({"watcher": print}, r"watcher: expected a batchnorm\.training\.Watcher, got builtin"),
        ({"out": 3}, r"out: expected a path, got int$"),
        ({"epochs": 1}, r"epochs: fit has no such argument\. Pass TrainConfig\(epochs=\.\.\.\)\.$"),
        ({"learning_rate": 1}, r"learning_rate: fit has no such argument\. Did you mean TrainConfig\(lr=\.\.\.\)\?$"),
        ({"sauce": 1}, r"sauce: fit has no such argument\. It takes config, out, overwrite, model, source"),
    ],
)
def test_what_a_training_cannot_take_is_refused_with_the_next_step(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputTypeError, match=f"^{said}"):
        fit(**given)


def test_the_signature_of_fit_is_its_own() -> None:
    assert next(iter(inspect.signature(fit).parameters)) == "config"


@pytest.mark.parametrize("verb", [resume, load_run, recalibrate_run, RunFolder.open])
@pytest.mark.parametrize("wrong", [None, 3, b"run", nn.Linear(1, 1)], ids=lambda wrong: type(wrong).__name__)
def test_what_is_no_path_of_a_run_is_refused(verb, wrong: object) -> None:
    with pytest.raises(
        InputTypeError, match=rf"^run: expected a path, got {type(wrong).__name__.replace('NoneType', '')}"
    ):
        verb(wrong)


@pytest.mark.parametrize("verb", [load_model, read_config])
def test_what_is_no_path_of_a_file_is_refused(verb) -> None:
    with pytest.raises(InputTypeError, match=r"^path: expected a path, got None$"):
        verb(None)


def test_an_unknown_name_of_a_source_is_refused_by_the_argument_that_was_given() -> None:
    with pytest.raises(InputError, match=r"^source: expected .*fashion-mnist, .*package.module:source, got 'cifar100'"):
        fit(source="cifar100")


def test_a_source_that_is_none_is_refused_where_a_run_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(write_config(TrainConfig(model="ConvBNNet")))
    with pytest.raises(InputTypeError, match=r"^source: expected a data set with info, locate and load"):
        resume(tmp_path, source=[1])


def test_names_are_expected_where_something_else_came() -> None:
    with pytest.raises(InputTypeError, match=r"^data: expected the name of a data set, got None"):
        get(None)
    with pytest.raises(InputTypeError, match=r"^model: expected the name of a net, got int"):
        build(3, num_classes=2, in_channels=1, image_size=8)


def test_a_split_says_what_is_no_tensor() -> None:
    with pytest.raises(
        InputTypeError, match=r"^images: expected a tensor of torch\.uint8, of shape \(N, C, H, W\), got li"
    ):
        Split([1], [2])
