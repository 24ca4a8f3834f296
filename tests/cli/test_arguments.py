"""Is what a user writes read as it was meant, or the word named that was?"""

from pathlib import Path

import pytest

from batchnorm.cli._arguments import ready
from batchnorm.cli._evaluate import Evaluate
from batchnorm.cli._predict import Predict
from batchnorm.cli._train import Train
from batchnorm.errors import InputError


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["--model-args", "width=8"], ["--model-args", "width", "8"]),
        (["--model-args=width=8", "depth", "3"], ["--model-args", "width", "8", "depth", "3"]),
        (["--model_args", "width", "8", "--lr", "0.1"], ["--model_args", "width", "8", "--lr", "0.1"]),
        (["--model-args", "word", "a=b", "x=", "--seed", "1"], ["--model-args", "word", "a=b", "x", "", "--seed", "1"]),
        (["--lr=0.1", "--out", "a=b"], ["--lr=0.1", "--out", "a=b"]),
    ],
)
def test_names_and_values_may_be_joined_by_a_sign(written: list[str], read: list[str]) -> None:
    assert ready(Train, written) == read


@pytest.mark.parametrize("arguments", [["width"], ["width", "8", "depth"], ["width", "--lr", "0.1"]])
def test_a_name_without_a_value_is_told(arguments: list[str]) -> None:
    with pytest.raises(InputError, match=r"expected names and values, such as width 8, got '\w+' without a value"):
        ready(Train, ["--model-args", *arguments])


def test_what_is_no_name_is_told() -> None:
    with pytest.raises(InputError, match=r"expected names and values, such as width 8, got '\{\"width\": 8\}'"):
        ready(Train, ["--model-args", '{"width": 8}'])


@pytest.mark.parametrize(
    ("kind", "word", "option"),
    [
        (Train, "--learning-rate", "--lr"),
        (Train, "--weight_decay_rate=3", "--weight-decay"),
        (Train, "--wd", "--weight-decay"),
        (Train, "--bs", "--batch-size"),
        (Train, "--output-dir", "--out"),
        (Evaluate, "--dataset", "--data"),
        (Evaluate, "--bs", "--batch-size"),
        (Predict, "--topk", "--top"),
    ],
)
def test_the_option_that_is_meant_by_another_word_is_named(kind: type, word: str, option: str) -> None:
    with pytest.raises(InputError, match=rf"^{word.partition('=')[0]}: there is no such option\. .* {option}\?$"):
        ready(kind, [word])


@pytest.mark.parametrize("arguments", [["--epoch", "3"], ["--lr", "0.1"], ["--no-flip"], ["--png", "a.png"], ["--"]])
def test_the_rest_is_left_to_the_parser(arguments: list[str]) -> None:
    assert ready(Train, arguments) == arguments


def test_the_command_line_exits_with_2_and_one_line(batchnorm) -> None:
    said = batchnorm("train", "--learning-rate", "0.1")
    assert said.code == 2
    assert said.err == "batchnorm train: --learning-rate: there is no such option. Did you mean --lr?\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["evaluate", "RUN", "--data", "fashion-mnit"],
            "--data: expected fashion-mnist-mini, fashion-mnist, cifar10, the path of a folder",
        ),
        (["train", "--norm", "bn"], "--norm: expected batchnorm, torch, none or package.module:function, got 'bn'"),
        (["train", "--model-args", "name", "x"], "name is the name of the model, which --model gives"),
        (
            ["train", "--resume", "RUN", "--lr", "3"],
            "--resume: a resumed run goes on with its own options. Leave out --lr.",
        ),
        (["evalate", "RUN"], "Did you mean 'evaluate'"),
        (["data", "fetch", "fashion"], "batchnorm data fetch: "),
        (["data", "fetch", "fashion-mnist", "--to", "file"], "--to: the folder file/fashion-mnist cannot be made"),
    ],
)
def test_a_mistake_is_told_by_the_option_that_it_is_in(batchnorm, run, arguments: list[str], message: str) -> None:
    Path("file").touch()
    said = batchnorm(*(run if one == "RUN" else one for one in arguments))
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err
    assert not said.err.startswith("\n")
