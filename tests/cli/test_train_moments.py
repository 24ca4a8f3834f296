"""A training by other moments, from the command line: what it says, writes, and what can be done with its run."""

from pathlib import Path

import pytest

from batchnorm.runs import RunFolder

FEW = ["--epochs", 2, "--val-fraction", 0.97, "--lr", 0.01]


@pytest.mark.parametrize("moments", ["batch", "ghost:16", "renorm:3,5,8", "population", "population:none"])
def test_the_result_names_the_moments(batchnorm, small, moments: str) -> None:
    said = batchnorm("train", "--moments", moments, "--out", "run", "--json", "--quiet", *FEW, *small)
    assert said.code == 0
    assert said.json["moments"] == moments
    assert RunFolder.open("run").read_config().moments == moments


def test_what_is_measured_and_what_it_costs_is_said_before_the_first_epoch(batchnorm, small) -> None:
    said = batchnorm("train", "--moments", "population", "--refresh", 3, "--out", "run", "--json", *FEW, *small)
    assert said.out.splitlines()[1] == (
        "population statistics: measured on 300 images, augmented as in training, before step 1 and every 3 steps: 3 "
        "forward passes over 900 images in all, 150.0% of the 600 that the steps read"
    )
    assert (said.json["refresh"], said.json["refreshes"]) == (3, 3)  # before step 1, behind step 3 of 4, and at the end


def test_a_terminal_shows_that_it_is_measured(on_a_terminal, small) -> None:
    text = on_a_terminal("train", "--moments", "population", "--refresh", 1, "--out", "run", *FEW, *small)
    assert "measuring population statistics" in text


def test_options_of_a_file_are_taken(batchnorm, small) -> None:
    Path("c.toml").write_text('moments = "population"\nrefresh = 2\n')
    assert batchnorm("train", "--config", "c.toml", "--out", "run", "--quiet", *FEW, *small).code == 0
    config = RunFolder.open("run").read_config()
    assert (config.moments, config.refresh) == ("population", 2)


@pytest.mark.parametrize("moments", ["ghost:16", "population"])
def test_its_run_is_evaluated_folded_recalibrated_and_resumed(batchnorm, small, moments: str) -> None:
    done = batchnorm("train", "--moments", moments, "--out", "run", "--json", "--quiet", *FEW, *small).json
    assert batchnorm("evaluate", "run", "--json").json["running"]["accuracy"] == pytest.approx(done["test_accuracy"])
    assert batchnorm("predict", "run", "--test-images", 2).code == 0
    assert batchnorm("fold", "run", "-o", "folded.safetensors").code == 0
    assert batchnorm("evaluate", "folded.safetensors").code == 0
    assert batchnorm("train", "--resume", "run", "--json", "--quiet").json == done
    assert batchnorm("recalibrate", "run", "--method", "exact").code == 0
    assert RunFolder.open("run").read_result().moments == moments


def test_another_source_is_no_option_of_a_resumed_run(batchnorm, small) -> None:
    assert batchnorm("train", "--moments", "ghost:16", "--out", "run", "--quiet", *FEW, *small).code == 0
    said = batchnorm("train", "--resume", "run", "--moments", "renorm")
    assert said.code == 2
    assert "Leave out --moments." in said.err


def test_a_divergence_is_one_message_with_its_cause_and_code_1(batchnorm, small) -> None:
    said = batchnorm("train", "--moments", "population:none", "--out", "run", *FEW, *small, "--lr", 300, "--warmup", 0)
    assert said.code == 1
    assert "the population's statistics are" in said.err
    assert "or --clip-norm 1, or a lower --refresh (now 2)." in " ".join(said.err.split())
    assert "Traceback" not in said.err
