"""`batchnorm lr-find`, and `--lr auto` of `batchnorm train`."""

import tomllib
from pathlib import Path

import pytest

from batchnorm.records import LRRangeTest, read_record
from batchnorm.runs import TrainConfig, read_config, write_config
from batchnorm.training import LRRangeOptions, find_lr

from .conftest import SMALL

FEW = [*SMALL, "--val-fraction", "0.9"]
SHORT = ["--lr-min", "1e-4", "--steps", "40"]


def test_it_prints_the_suggestion_that_python_finds(batchnorm) -> None:
    said = batchnorm("lr-find", *FEW, *SHORT, "--json")
    config = TrainConfig(model_args={"width": 4}, batch_size=250, threads=1, val_fraction=0.9)
    assert said.code == 0
    assert said.json["suggestion"] == find_lr(config, options=LRRangeOptions(1e-4, 10.0, steps=40)).suggestion


def test_it_draws_the_picture_and_writes_nothing_else(batchnorm, tmp_path) -> None:
    said = batchnorm("lr-find", *FEW, *SHORT, "--plot", "rates.svg")
    assert "suggestion" in said.out
    assert "loss over the learning rate: rates.svg" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["rates.svg"]


def test_options_come_from_a_file_too_and_the_command_line_wins(batchnorm, tmp_path) -> None:
    (tmp_path / "c.toml").write_text('optimizer = "adamw"\nseed = 3\nbatch_size = 250\n[model_args]\nwidth = 4\n')
    options = ["--val-fraction", "0.9", "--threads", "1", *SHORT, "--json"]
    given = batchnorm("lr-find", *FEW, *SHORT, "--optimizer", "adamw", "--seed", "5", "--json")
    assert batchnorm("lr-find", "--config", "c.toml", "--seed", "5", *options).json == given.json


def test_without_a_suggestion_it_says_why_and_ends_with_1(batchnorm) -> None:
    said = batchnorm("lr-find", *FEW, "--lr-min", "1e-9", "--lr-max", "1e-7", "--steps", "30")
    assert said.code == 1
    assert (
        "no learning rate can be suggested: from 1e-09 up to 1e-07 the loss fell no further than by chance" in said.out
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "3"], "--steps: expected an integer from 20 to 1,000,000, got 3"),
        (["--lr-max", "1e-6"], "--lr-max: expected at least 10 times --lr-min (1e-06), got 1e-06"),
        (["--plot", "rates.jpg"], "--plot: expected a name ending in .svg or .png, got rates.jpg"),
        (["--plot", "none/rates.svg"], "--plot: none/rates.svg cannot be made"),
        (["--config", "none.toml"], "none.toml"),
        (["--learning-rate", "1"], "--learning-rate: there is no such option. Did you mean --lr?"),
    ],
)
def test_a_mistake_is_one_message(batchnorm, arguments: list[str], message: str) -> None:
    said = batchnorm("lr-find", *FEW, *arguments)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


def test_auto_tells_its_rate_and_writes_it_into_the_config(batchnorm, tmp_path) -> None:
    said = batchnorm("train", *FEW, "--epochs", "1", "--lr", "auto", "--out", "run")
    lr = tomllib.loads(Path("run/config.toml").read_text())["lr"]
    assert said.code == 0
    assert f"learning rate {lr:g}, by a range test of " in said.out
    assert read_record(tmp_path / "run" / "lr_range_test.json", LRRangeTest).suggestion == lr


def test_a_config_file_may_ask_for_auto(tmp_path) -> None:
    (tmp_path / "c.toml").write_text('lr = "auto"\n')
    assert read_config(tmp_path / "c.toml").lr == "auto"
    assert write_config(TrainConfig(lr="auto")).splitlines().count('lr = "auto"') == 1


def test_a_run_that_goes_on_refuses_another_search(batchnorm) -> None:
    batchnorm("train", *FEW, "--epochs", "1", "--out", "run")
    said = batchnorm("train", "--resume", "run", "--lr", "auto")
    assert said.code == 2
    assert "a resumed run goes on with its own options. Leave out --lr" in said.err
