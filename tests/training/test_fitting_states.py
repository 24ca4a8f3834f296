"""A training goes on only from states that are its own, part by part; every other is named."""

import copy
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from batchnorm.errors import InputError
from batchnorm.runs import TrainConfig, TrainingInterrupted
from batchnorm.training import fit, resume
from batchnorm.training._checkpoint import load_checkpoint, save_checkpoint

from .conftest import FewImages
from .runs import Stopper

CONFIG = TrainConfig(model_args={"width": 4}, epochs=2, lr=0.05, ema_decay=0.9, threads=1, val_fraction=0.1)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> dict[str, Path]:
    """For each optimizer a run that was stopped after its seventh step, in the second epoch."""
    runs = {}
    for name in ("sgd", "adamw"):
        runs[name] = tmp_path_factory.mktemp(name) / "run"
        with pytest.raises(TrainingInterrupted, match="epoch 2 after step 2"):
            fit(replace(CONFIG, optimizer=name), out=runs[name], source=FewImages(), watcher=Stopper(7))
    return runs


def put(*path, value):
    """A change: the value at the end of that path."""

    def change(states):
        holder = states
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return change


INFINITE, SPARSE = float("inf"), torch.eye(4).to_sparse()

SGD = {
    "an infinity for the number of steps": (put("scheduler", "last_epoch", value=INFINITE), "scheduler.last_epoch"),
    "a tensor for the number of steps": (put("scheduler", "last_epoch", value=torch.ones(2)), "scheduler.last_epoch"),
    "another number of steps": (put("scheduler", "last_epoch", value=3), "one that has done 7 steps"),
    "a word for a learning rate": (put("scheduler", "_last_lr", value=["x"] * 2), r"scheduler\._last_lr\.0"),
    "another learning rate": (put("optimizer", "param_groups", 0, "lr", value=0.7), "gave the optimizer its lr"),
    "another decay": (put("optimizer", "param_groups", 0, "weight_decay", value=0.7), r"param_groups\.0\.weight_decay"),
    "parameters in another order": (put("optimizer", "param_groups", 0, "params", 0, value=1), r"groups\.0\.params\.0"),
    "a method's name among the values": (put("scheduler", "step", value=1), "scheduler: expected a dict"),
    "a sparse momentum": (put("optimizer", "state", 0, "momentum_buffer", value=SPARSE), "state.0.momentum_buffer"),
    "a momentum of another shape": (
        put("optimizer", "state", 0, "momentum_buffer", value=torch.ones(3)),
        "of the shape",
    ),
    "a number for a momentum": (put("optimizer", "state", 0, "momentum_buffer", value=3), "got int"),
    "a momentum of nobody": (put("optimizer", "state", 99, value={}), "values for one of 10 parameters"),
    "integers for weights": (put("model", "bn1.weight", value=torch.ones(4, dtype=torch.int64)), "model.bn1.weight"),
    "a tensor without numbers": (put("model", "bn1.weight", value=torch.ones(4, device="meta")), "model.bn1.weight"),
    "no average": (put("average", value=None), "average: expected a dict of .* entries, got NoneType"),
    "random numbers of another kind": (put("rng", value=torch.ones(9)), "rng: expected a tensor of uint8"),
    "a word for the GPU's random numbers": (put("cuda_rng", value="x"), "cuda_rng"),
    "a list for all": (put("optimizer", value=[1]), "optimizer: expected a dict"),
    "a number for the other processes": (put("ranks", value=3), "ranks: expected a list, got int"),
    "another process without random numbers": (put("ranks", value=[{}]), r"ranks\.1: expected a dict of rng, cuda_rng"),
    "other random numbers of another process": (
        put("ranks", value=[{"rng": torch.ones(9), "cuda_rng": None}]),
        r"ranks\.1\.rng: expected a tensor of uint8",
    ),
    "a word for another GPU's random numbers": (
        put("ranks", value=[{"rng": torch.ones(9, dtype=torch.uint8), "cuda_rng": "x"}]),
        r"ranks\.1\.cuda_rng: expected random numbers of a GPU",
    ),
}
ADAMW = {
    "an infinite count": (put("optimizer", "state", 0, "step", value=torch.tensor(INFINITE)), "state.0.step"),
    "a negative count": (put("optimizer", "state", 0, "step", value=torch.tensor(-1.0)), "state.0.step"),
    "a count of several": (put("optimizer", "state", 0, "step", value=torch.ones(2)), "state.0.step"),
    "one moment alone": (
        lambda states: states["optimizer"]["state"][0].pop("exp_avg"),
        "expected step, exp_avg, exp_avg_sq",
    ),
}
CASES = [("sgd", case, *SGD[case]) for case in SGD] + [("adamw", case, *ADAMW[case]) for case in ADAMW]


@pytest.mark.parametrize(("optimizer", "case", "change", "message"), CASES, ids=[case for _, case, *_ in CASES])
def test_a_state_that_is_no_such_trainings_is_refused_by_name(
    stopped, few, tmp_path, optimizer: str, case: str, change, message: str
) -> None:
    run = shutil.copytree(stopped[optimizer], tmp_path / "run")
    read = load_checkpoint(run / "last.ckpt")
    states = copy.deepcopy(read.states)
    change(states)
    save_checkpoint(run / "last.ckpt", replace(read, states=states))
    with pytest.raises(InputError, match=f"the checkpoint does not fit this run's config: .*{message}"):
        resume(run, source=few)


POSITIONS = {
    "a tensor": ({"epoch": torch.ones(2)}, "position.epoch"),
    "an infinity": ({"loss": INFINITE}, "position.loss"),
    "a word": ({"step": "2"}, "position.step"),
    "a truth": ({"seen": True}, "position.seen"),
    "fewer than none": ({"correct": -1}, "position.correct"),
    "more right than seen": ({"correct": 10**6}, "its counts contradict each other"),
    "no image in two steps": ({"seen": 0, "correct": 0}, "its counts contradict each other"),
    "epochs that were not": ({"epoch": 7}, "one record for each epoch that is done"),
}


@pytest.mark.parametrize("case", POSITIONS)
def test_a_position_that_is_none_is_refused_by_name(stopped, tmp_path, case: str) -> None:
    change, message = POSITIONS[case]
    read = load_checkpoint(stopped["sgd"] / "last.ckpt")
    save_checkpoint(tmp_path / "c", replace(read, position=replace(read.position, **change)))
    with pytest.raises(InputError, match=f"c: the checkpoint is damaged .*{message}"):
        load_checkpoint(tmp_path / "c")


def test_a_position_behind_the_end_is_refused(stopped, few, tmp_path) -> None:
    run = shutil.copytree(stopped["sgd"], tmp_path / "run")
    read = load_checkpoint(run / "last.ckpt")
    save_checkpoint(run / "last.ckpt", replace(read, position=replace(read.position, step=10**6)))
    with pytest.raises(InputError, match="stands at epoch 1, step 1000000, which this run never does"):
        resume(run, source=few)


BUFFERS = {
    "is missing": (lambda model: model.pop("bn1.running_var"), r"ranks\.1\.model: expected a dict of \d+ entries"),
    "has another shape": (
        lambda model: model.update({"bn1.running_var": torch.ones(3)}),
        r"ranks\.1\.model\.bn1\.running_var: expected the shape \(4,\), got \(3,\)",
    ),
    "has another dtype": (
        lambda model: model.update({"bn1.running_var": torch.ones(4, dtype=torch.int64)}),
        r"ranks\.1\.model\.bn1\.running_var: expected a tensor of float32",
    ),
    "is not finite": (lambda model: model["bn1.running_var"].fill_(INFINITE), "expected finite statistics"),
}


@pytest.mark.parametrize("case", BUFFERS)
def test_buffers_of_another_process_that_are_no_such_trainings_are_refused(few, tmp_path, case: str) -> None:
    with pytest.raises(TrainingInterrupted, match="epoch 1 after step 2"):
        fit(replace(CONFIG, ema_decay=0.0, bn_buffers="mean"), out=tmp_path, source=few, watcher=Stopper(2))
    change, message = BUFFERS[case]
    read = load_checkpoint(tmp_path / "last.ckpt")
    buffers = {
        name: value.clone() for name, value in read.states["model"].items() if "running" in name or "num" in name
    }
    change(buffers)
    other = {"rng": read.states["rng"], "cuda_rng": None, "model": buffers}
    save_checkpoint(tmp_path / "last.ckpt", replace(read, states={**read.states, "ranks": [other]}))
    with pytest.raises(InputError, match=f"the checkpoint does not fit this run's config: .*{message}"):
        resume(tmp_path, source=few)
