"""`batchnorm train --resume RUN --epochs N` and `--keep`: what is typed, and what is refused."""

import sys
from pathlib import Path

import pytest

from batchnorm.runs import RunFolder

QUICK = ["--val-fraction", 0.97, "--model-args", "width", 4, "--batch-size", 100, "--threads", 1]


@pytest.fixture
def begun(batchnorm) -> None:
    """A finished run of one epoch, called `run`."""
    assert batchnorm("train", *QUICK, "--epochs", 1, "--out", "run", "--quiet").code == 0


def test_a_finished_run_goes_on_to_the_epochs_that_are_typed(batchnorm, begun) -> None:
    said = batchnorm("train", "--resume", "run", "--epochs=3", "--json")
    assert (said.code, said.json["epochs"], said.json["lengthened"]) == (0, 3, [3])
    assert "the run goes on for longer, to 3 epochs instead of 1: from here on the learning rate" in said.out + said.err
    assert [line.split()[1] for line in said.out.splitlines() if line.startswith("epoch ")] == ["2/3", "3/3"]


def test_the_epochs_that_the_run_has_may_be_typed_again(batchnorm, begun) -> None:
    assert batchnorm("train", "--resume", "run", "--epochs", 1, "--quiet").code == 0
    assert RunFolder.open("run").read_config().epochs == 1


def test_fewer_epochs_are_refused_in_one_line(batchnorm, begun) -> None:
    assert batchnorm("train", "--resume", "run", "--epochs", 2, "--quiet").code == 0
    said = batchnorm("train", "--resume", "run", "--epochs", 1)
    assert said.code == 2
    assert said.err == (
        "batchnorm train: --epochs: expected at least the 2 that the run was started with, got 1. "
        "A shorter training is a new run.\n"
    )


def test_other_options_are_refused_beside_it(batchnorm, begun) -> None:
    said = batchnorm("train", "--resume", "run", "--epochs", 3, "--lr", 0.5)
    assert said.code == 2
    assert "a resumed run goes on with its own options. Leave out --lr." in said.err
    assert RunFolder.open("run").read_config().epochs == 1


def test_a_config_that_was_edited_says_which_option_goes_on_for_longer(batchnorm, begun) -> None:
    config = RunFolder.open("run").config
    config.write_text(config.read_text().replace("epochs = 1", "epochs = 2"))
    said = batchnorm("train", "--resume", "run")
    assert said.code == 2
    assert "other options: --epochs. Put them back, pass --epochs 2 to go on for longer, or start" in said.err


def test_keep_without_validation_images_is_refused_in_one_line(batchnorm) -> None:
    said = batchnorm("train", "--keep", "best", "--val-fraction", 0, "--out", "run")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert (
        "--keep: 'best' is chosen by validation images, and none are held out. Leave it out, or set --val-" in said.err
    )


def test_the_best_epoch_is_kept_and_said(batchnorm) -> None:
    said = batchnorm("train", *QUICK, "--keep", "best", "--epochs", 2, "--out", "run", "--json")
    epochs = RunFolder.open("run").read_metrics()
    best = max(epochs, key=lambda epoch: (epoch.val_accuracy, -epoch.val_loss))
    assert (said.json["kept_epoch"], said.json["val_accuracy"]) == (best.epoch, best.val_accuracy)
    assert f"the model of epoch {best.epoch} of 2 is kept, the best by validation" in said.out + said.err


def test_options_that_change_no_number_may_be_typed_for_a_run_that_goes_on(batchnorm, begun) -> None:
    said = batchnorm("train", "--resume", "run", "--epochs", 2, "--log", "tensorboard", "--workers", 1, "--quiet")
    assert said.code == 0
    assert len([*RunFolder.open("run").path.glob("events.out.tfevents.*")]) == 1


def test_a_log_that_needs_a_package_says_so_in_one_line(batchnorm, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("torch.utils.tensorboard", "tensorboard"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    said = batchnorm("train", *QUICK, "--log", "tensorboard", "--out", "run")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "--log: 'tensorboard' needs the package tensorboard, which cannot be imported" in said.err
    assert not Path("run").exists()
