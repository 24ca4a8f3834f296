"""A run that goes on for more epochs than it was planned for: by which rate, and what stays meanwhile."""

import hashlib
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from batchnorm.errors import InputError
from batchnorm.records import TrainResult, read_record
from batchnorm.runs import RunFolder, TrainConfig, TrainingInterrupted, evaluate, load_run, recalibrate_run
from batchnorm.training import _fit, _loop, fit, resume
from batchnorm.training._final_test import final_test

from .runs import Listener, Stopper, assert_same_bits, make_old, weights, without_times

STEPS = 2
"""Of an epoch."""


@pytest.fixture
def few(few_images):
    return few_images(140, 50)


@pytest.fixture
def two(quick) -> TrainConfig:
    return replace(quick, lr=0.1, warmup=0.2)


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """The learning rate by which each step was done while the test runs."""
    done: list[float] = []
    take = _loop.take_step

    def kept(course, *batch) -> None:
        done.append(course.job.optimizer.param_groups[0]["lr"])
        take(course, *batch)

    monkeypatch.setattr(_loop, "take_step", kept)
    return done


def one_cycle(step: int, epochs: int) -> float:
    """The rate of a step, counted from 0, in a training of so many epochs: the formula of the schedule."""
    steps = epochs * STEPS
    rise = round(0.2 * steps)
    if step < rise:
        return 0.1 * (1 / 25 + (1 - 1 / 25) * step / rise)
    return 0.1 * (1 - (1 - 1e-4) * (step - rise) / (steps - rise))


def cosine(step: int, epochs: int) -> float:
    steps = epochs * STEPS
    rise = round(0.2 * steps)
    if step < rise:
        return 0.1 * (1 / 25 + (1 - 1 / 25) * step / rise)
    return 0.05 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


@pytest.mark.parametrize(("schedule", "rate"), [("one-cycle", one_cycle), ("cosine", cosine)])
@pytest.mark.parametrize("stopped", [0, 3])
def test_from_there_on_the_rate_is_that_of_the_longer_training(
    few, two, tmp_path, rates, schedule, rate, stopped: int
) -> None:
    two = replace(two, schedule=schedule)
    if stopped:
        with pytest.raises(TrainingInterrupted):
            fit(two, out=tmp_path, source=few, watcher=Stopper(stopped))
    else:
        fit(two, out=tmp_path, source=few)
    done = len(rates)
    resume(tmp_path, source=few, epochs=6)
    expected = [rate(step, 2) for step in range(done)] + [rate(step, 6) for step in range(done, 6 * STEPS)]
    assert rates == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_user_is_told_what_becomes_of_the_rate(few, two, tmp_path) -> None:
    fit(two, out=tmp_path, source=few)
    listener = Listener()
    resume(tmp_path, source=few, epochs=6, watcher=listener)
    told = (
        "the run goes on for longer, to 6 epochs instead of 2: from here on the learning rate is that of a training of "
        f"6 (in the next step {one_cycle(4, 6):.3g} instead of 1e-05)"
    )
    assert told in listener.notes


def test_everything_else_goes_on_where_it_stood(few, two, tmp_path, monkeypatch) -> None:
    """At a rate that never falls the length changes nothing: it is the longer training, bit for bit."""
    flat = torch.optim.lr_scheduler.LambdaLR
    monkeypatch.setattr(
        "batchnorm.training._preparation.make_scheduler", lambda one, *_, **__: flat(one, lambda _: 1.0)
    )
    monkeypatch.setattr("batchnorm.training._longer.make_scheduler", lambda one, *_, **__: flat(one, lambda _: 1.0))
    whole = fit(replace(two, epochs=4), out=tmp_path / "whole", source=few)
    fit(two, out=tmp_path / "parts", source=few)
    longer = resume(tmp_path / "parts", source=few, epochs=4)
    assert_same_bits(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    assert list(map(without_times, longer.history)) == list(map(without_times, whole.history))


OPTIONS = {
    "plain": {},
    "the best epoch": {"keep": "best"},
    "no average": {"ema_decay": 0.0},
    "a measured average": {"ema_buffers": "recalibrate"},
    "a population": {"moments": "population", "refresh": 3, "clip_norm": 1.0},
    "norms frozen late": {"freeze_norms": "after:0.5"},
    "a recalibration": {"recalibrate": "average"},
}


QUICK = ("the best epoch", "a population", "a recalibration")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OPTIONS]
)
def test_one_that_is_stopped_again_ends_with_the_same_bits(few, two, tmp_path, name: str) -> None:
    fit(replace(two, **OPTIONS[name]), out=tmp_path / "whole", source=few)
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    whole = resume(tmp_path / "whole", source=few, epochs=4)
    with pytest.raises(TrainingInterrupted):
        resume(tmp_path / "parts", source=few, epochs=4, watcher=Stopper(3))
    parts = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    assert_same_bits(parts.model.state_dict(), whole.model.state_dict())
    assert list(map(without_times, parts.history)) == list(map(without_times, whole.history))
    timeless = {"seconds": 0, "run": "", "refresh_seconds": 0}
    assert replace(parts.result, **timeless) == replace(whole.result, **timeless)


def test_the_result_is_of_the_longer_training(few, two, tmp_path) -> None:
    fit(two, out=tmp_path, source=few)
    result = resume(tmp_path, source=few, epochs=4).result
    assert (result.epochs, result.steps, result.lengthened) == (4, 8, (4,))
    assert "went on for longer than planned after step 4" in str(result)
    assert RunFolder.open(tmp_path).read_result() == result
    assert RunFolder.open(tmp_path).read_config().epochs == 4
    assert evaluate(tmp_path, dataset=few).running.loss == pytest.approx(result.test_loss, rel=1e-5)


def test_it_may_go_on_more_than_once(few, two, tmp_path) -> None:
    fit(replace(two, epochs=1), out=tmp_path, source=few)
    resume(tmp_path, source=few, epochs=2)
    assert resume(tmp_path, source=few, epochs=3).result.lengthened == (2, 4)


def test_measurements_of_a_population_are_counted_as_they_were_made(few, two, tmp_path, monkeypatch) -> None:
    """Every 3 steps and behind the last one: at 0, 3 and 4 of 4 steps, then at 6 and 8 of 8."""
    from batchnorm.training import _population

    seen, measure = [], _population.recalibrate
    monkeypatch.setattr(_population, "recalibrate", lambda *args, **more: (seen.append(1), measure(*args, **more))[1])
    options = {"moments": "population", "refresh": 3, "clip_norm": 1.0, "ema_decay": 0.0}
    fit(replace(two, **options), out=tmp_path, source=few)
    assert len(seen) == 3
    assert resume(tmp_path, source=few, epochs=4).result.refreshes == len(seen) == 5


def test_norms_that_were_frozen_move_until_the_longer_training_freezes_them(few, two, tmp_path) -> None:
    options = replace(two, freeze_norms="after:0.5", ema_decay=0.0)
    fit(options, out=tmp_path, source=few)
    assert weights(tmp_path)["bn1.num_batches_tracked"] == 2
    result = resume(tmp_path, source=few, epochs=6).result
    assert weights(tmp_path)["bn1.num_batches_tracked"] == 2 + (6 - 4)
    assert result.frozen_since == 6


FINISHED = ("model.safetensors", "result.json", "recalibration.json", "model.before-recalibration.safetensors")


def finished(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in FINISHED if (path / name).exists()}


@pytest.mark.parametrize("options", [{}, {"recalibrate": "average"}])
def test_model_and_result_of_a_finished_run_stay_until_the_longer_one_is_tested(few, two, tmp_path, options) -> None:
    fit(replace(two, **options), out=tmp_path, source=few)
    before = finished(tmp_path)
    with pytest.raises(TrainingInterrupted, match=r"stopped in epoch 5 after step 1"):
        resume(tmp_path, source=few, epochs=6, watcher=Stopper(5))
    assert finished(tmp_path) == before
    assert [epoch.epoch for epoch in RunFolder.open(tmp_path).read_metrics()] == [1, 2, 3, 4]
    resume(tmp_path, source=few)
    after = finished(tmp_path)
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)


@pytest.mark.parametrize("dies_in", ["_train_epoch", "final_test", "take_its_place"])
def test_a_crash_at_any_time_leaves_the_finished_run_or_the_longer_one(
    few, two, tmp_path, monkeypatch, dies_in
) -> None:
    two = replace(two, recalibrate="average")
    fit(two, out=tmp_path / "whole", source=few)
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    before = finished(tmp_path / "parts")
    whole = resume(tmp_path / "whole", source=few, epochs=4)

    def dies(*_: object) -> None:
        raise SystemExit("died")

    with monkeypatch.context() as patch:
        patch.setattr(_loop, dies_in, dies)
        with pytest.raises(SystemExit, match="died"):
            resume(tmp_path / "parts", source=few, epochs=4)
    assert finished(tmp_path / "parts") == before
    resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    said = read_record(tmp_path / "parts" / "recalibration.json")
    assert said.sha256 == hashlib.sha256((tmp_path / "parts" / "model.safetensors").read_bytes()).hexdigest()
    assert whole.result.epochs == 4


def test_its_recalibration_speaks_of_its_model_and_keeps_the_one_that_was_trained(few, two, tmp_path) -> None:
    fit(replace(two, recalibrate="average"), out=tmp_path, source=few)
    longer = resume(tmp_path, source=few, epochs=4)
    said = read_record(tmp_path / "recalibration.json")
    assert said.sha256 == hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    former = load_run(tmp_path / "model.before-recalibration.safetensors")[0].state_dict()
    now = longer.model.state_dict()
    assert torch.equal(former["fc.weight"], now["fc.weight"])
    assert not torch.equal(former["bn1.running_mean"], now["bn1.running_mean"])


def test_what_was_said_of_the_shorter_model_s_recalibration_goes_with_it(few, two, tmp_path) -> None:
    fit(two, out=tmp_path, source=few)
    recalibrate_run(tmp_path, source=few, threads=1)
    longer = resume(tmp_path, source=few, epochs=4)
    assert longer.result.recalibrated_since is None
    assert finished(tmp_path).keys() == {"model.safetensors", "result.json"}
    assert_same_bits(weights(tmp_path), longer.model.state_dict())


def test_the_folded_model_is_of_the_longer_training(few, two, tmp_path) -> None:
    fit(replace(two, fold=True), out=tmp_path, source=few)
    before = (tmp_path / "folded.safetensors").read_bytes()
    longer = resume(tmp_path, source=few, epochs=4)
    assert (tmp_path / "folded.safetensors").read_bytes() != before
    assert longer.result.folded == 2


def test_a_crash_between_checkpoint_and_config_is_mended_by_asking_again(few, two, tmp_path, monkeypatch) -> None:
    fit(two, out=tmp_path, source=few)
    (tmp_path / "config.toml").write_text((tmp_path / "config.toml").read_text().replace("epochs = 2", "epochs = 4"))
    with pytest.raises(
        InputError, match=r"other options: epochs\. Put them back, pass epochs=4 to go on for longer, or"
    ):
        resume(tmp_path, source=few)
    assert resume(tmp_path, source=few, epochs=4).result.epochs == 4


def test_the_other_order_of_such_a_crash_is_mended_too(few, two, tmp_path) -> None:
    fit(two, out=tmp_path, source=few)
    config = (tmp_path / "config.toml").read_bytes()
    with pytest.raises(TrainingInterrupted):
        resume(tmp_path, source=few, epochs=4, watcher=Stopper(1))
    (tmp_path / "config.toml").write_bytes(config)
    assert resume(tmp_path, source=few, epochs=4).result.lengthened == (4,)


def test_as_many_epochs_as_were_planned_change_nothing(few, two, tmp_path) -> None:
    done = fit(two, out=tmp_path, source=few)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != "result.json"}
    assert resume(tmp_path, source=few, epochs=2).result == done.result
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != "result.json"} == before


def test_fewer_epochs_are_refused(few, two, tmp_path) -> None:
    fit(two, out=tmp_path, source=few)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"^epochs: expected at least the 2 that the run was started with, got 1\. A"):
        resume(tmp_path, source=few, epochs=1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("epochs", [0, 2.5, True, "3"])
def test_what_is_no_number_of_epochs_is_refused(few, two, tmp_path, epochs) -> None:
    fit(replace(two, epochs=1), out=tmp_path, source=few)
    with pytest.raises(InputError, match=r"^epochs: expected an integer of at least 1, got"):
        resume(tmp_path, source=few, epochs=epochs)


def test_a_run_without_a_checkpoint_begins_as_the_longer_one(few, two, tmp_path, monkeypatch) -> None:
    def dies(*_: object) -> None:
        raise SystemExit("died")

    with monkeypatch.context() as patch:
        patch.setattr(_fit, "run_course", dies)
        with pytest.raises(SystemExit, match="died"):
            fit(two, out=tmp_path, source=few)
    with pytest.raises(InputError, match=r"^epochs: expected at least the 2"):
        resume(tmp_path, source=few, epochs=1)
    longer = resume(tmp_path, source=few, epochs=3)
    assert_same_bits(longer.model.state_dict(), fit(replace(two, epochs=3), source=few).model.state_dict())
    assert longer.result.lengthened == ()


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_disk_that_is_full_in_the_end_leaves_the_finished_run(few, two, tmp_path, monkeypatch, written: int) -> None:
    """Of the files that take the place of the others, so many have come to the disk when it is full."""
    fit(two, out=tmp_path, source=few)
    before, sync, synced = finished(tmp_path), os.fsync, []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > written:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    def tested(course) -> TrainResult:
        monkeypatch.setattr(os, "fsync", full)
        return final_test(course)

    with monkeypatch.context() as patch:
        patch.setattr(_loop, "final_test", tested)
        with pytest.raises(OSError, match="No space left on device"):
            resume(tmp_path, source=few, epochs=4)
    monkeypatch.undo()
    assert finished(tmp_path) == before
    assert resume(tmp_path, source=few).result.epochs == 4


def test_a_run_from_before_these_options_may_go_on_for_longer(few, two, tmp_path) -> None:
    fit(two, out=tmp_path, source=few)
    make_old(tmp_path)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del saved["lengthened"], saved["position"]["measured"]
    torch.save(saved, tmp_path / "last.ckpt")
    assert resume(tmp_path, source=few, epochs=4).result.lengthened == (4,)


@pytest.mark.parametrize("change", ["optimizer", "groups", "step"])
def test_a_damaged_checkpoint_is_refused_as_ever(few, two, tmp_path, change: str) -> None:
    fit(two, out=tmp_path, source=few)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    if change == "optimizer":
        saved["states"]["optimizer"] = 3
    elif change == "groups":
        saved["states"]["optimizer"]["param_groups"].pop()
    else:
        saved["position"].update(step=10**12, seen=1)
    torch.save(saved, tmp_path / "last.ckpt")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="checkpoint"):
        resume(tmp_path, source=few, epochs=4)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
