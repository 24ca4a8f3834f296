"""A training by the population's moments: when they are measured, of what, and what becomes of an interruption."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from batchnorm import data, recalibrate
from batchnorm.data import Augmentation, Batches, Normalization
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.nn import BatchNorm1d, set_moments
from batchnorm.runs import (
    RECALIBRATION_BATCH,
    RecalibrationImages,
    RunFolder,
    TrainConfig,
    TrainingInterrupted,
    fold_run,
)
from batchnorm.training import DivergenceError, Plan, Watcher, fit, resume
from batchnorm.training._optimizer import make_optimizer, make_scheduler

from .runs import Listener, Stopper, assert_same_bits, weights, without_times

STEPS = 10
"""270 images in batches of 64: five steps an epoch, two epochs."""


@pytest.fixture
def by_population(quick) -> TrainConfig:
    return replace(quick, moments="population", ema_decay=0.0, lr=0.01)


def own_net() -> nn.Module:
    torch.manual_seed(1)
    return ConvBNNet(width=4)


def trained_by_hand(few, config: TrainConfig, moments: str, every: int) -> dict[str, torch.Tensor]:
    """The loop of a training, by PyTorch and this library's functions."""
    net = own_net().to(memory_format=torch.channels_last)
    set_moments(net, moments)
    train, _ = data.split_off_validation(few.load("train"), config.val_fraction, config.seed)
    normalization, augmentation = Normalization.of(train.images), Augmentation(flip=True, shift=config.shift)
    batches = Batches(
        train, config.batch_size, normalization, augmentation=augmentation, shuffle=True, channels_last=True
    )
    population = RecalibrationImages(
        train, normalization, augmentation=augmentation, seed=config.seed, epoch=config.epochs, channels_last=True
    )
    optimizer = make_optimizer(net, config)
    scheduler = make_scheduler(optimizer, config, STEPS)
    recalibrate(net.train(), population)
    done = 0
    for epoch in range(config.epochs):
        for images, labels in batches.epoch(config.seed, epoch):
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels, label_smoothing=config.label_smoothing).backward()
            optimizer.step()
            scheduler.step()
            done += 1
            if done % every == 0 or done == STEPS:
                recalibrate(net, population)
    return net.state_dict()


@pytest.mark.parametrize(
    ("moments", "refresh", "every"),
    [("population", None, 5), ("population", 3, 3), ("population", 100, 100), ("population:none", 3, 3)],
)
def test_it_is_the_loop_that_one_would_write(one_thread, few, by_population, moments, refresh, every) -> None:
    net = own_net()
    trained = fit(replace(by_population, moments=moments, refresh=refresh), model=net, source=few)
    assert_same_bits(trained.model.state_dict(), trained_by_hand(few, by_population, moments, every))


@pytest.mark.parametrize(("refresh", "measured"), [(None, 3), (3, 5), (100, 2)])
def test_the_result_says_how_often_it_was_measured(few, by_population, tmp_path, refresh, measured: int) -> None:
    result = fit(replace(by_population, refresh=refresh), out=tmp_path, source=few).result
    assert (result.moments, result.refresh, result.refreshes) == ("population", refresh or 5, measured)
    assert 0 < result.refresh_seconds < result.seconds
    assert json.loads((tmp_path / "result.json").read_text())["refreshes"] == measured
    assert f"population statistics: measured {measured} times" in str(result)


def test_a_training_by_the_batch_measures_nothing(few, quick) -> None:
    result = fit(replace(quick, epochs=1), source=few).result
    assert (result.moments, result.refresh, result.refreshes, result.refresh_seconds) == ("batch", None, 0, 0.0)


class Planned(Watcher):
    """Keeps the plan, and the batches that it hears of while the population is measured."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.batches: list[tuple[int, int | None]] = []

    def started(self, plan: Plan) -> None:
        self.plans.append(plan)

    def measuring(self, done: int, total: int | None) -> None:
        self.batches.append((done, total))


def test_the_plan_says_what_is_read(few, by_population) -> None:
    watcher = Planned()
    fit(replace(by_population, refresh=3), source=few, watcher=watcher)
    plan = watcher.plans[0].population
    assert (plan.images, plan.every, plan.done, plan.left, plan.step_images) == (271, 3, 0, 5, 542)
    assert plan.augmented
    assert watcher.batches == [(1, 3), (2, 3), (3, 3)] * 5


def test_at_most_two_thousand_images_are_read(few_images, by_population) -> None:
    watcher = Planned()
    config = replace(by_population, epochs=1, batch_size=500)
    fit(config, source=few_images(train=3000), watcher=watcher)
    assert watcher.plans[0].population.images == 2000


@pytest.mark.parametrize("stop_after", [3, 4, 5, 7])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(few, by_population, tmp_path, stop_after: int) -> None:
    """Between two measurements, behind one, and at the end of an epoch; the second epoch begins between two."""
    config = replace(by_population, refresh=3)
    whole = fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path / "parts", source=few, watcher=Stopper(stop_after))
    resumed = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert list(map(without_times, resumed.history)) == list(map(without_times, whole.history))
    timeless = {"seconds": 0, "run": "", "refresh_seconds": 0}
    assert replace(resumed.result, **timeless) == replace(whole.result, **timeless)


class StopWhileMeasuring(Watcher):
    """Sends a signal to this process in the second batch of a measurement."""

    def __init__(self, number: int) -> None:
        self.left = number

    def measuring(self, done: int, total: int | None) -> None:
        self.left -= done == 2
        if done == 2 and self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_measurement_that_is_interrupted_is_done_again(few, by_population, tmp_path, number: int) -> None:
    config = replace(by_population, refresh=3)
    fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path / "parts", source=few, watcher=StopWhileMeasuring(number))
    position = torch.load(tmp_path / "parts" / "last.ckpt", weights_only=True)["position"]
    assert position["refreshes"] == number - 1
    assert resume(tmp_path / "parts", source=few).result.refreshes == 5
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_an_interrupted_measurement_leaves_the_statistics_as_they_were(few, by_population, tmp_path) -> None:
    with pytest.raises(TrainingInterrupted, match="after step 0 of 5; all is saved"):
        fit(by_population, out=tmp_path, source=few, watcher=StopWhileMeasuring(1))
    saved = weights(tmp_path)
    assert torch.equal(saved["bn1.running_mean"], torch.zeros(4))
    assert torch.equal(saved["bn1.running_var"], torch.ones(4))


def test_the_plan_of_a_resumed_run_is_what_is_left(few, by_population, tmp_path) -> None:
    config, watcher = replace(by_population, refresh=3), Planned()
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path, source=few, watcher=Stopper(4))
    resume(tmp_path, source=few, watcher=watcher)
    plan = watcher.plans[0].population
    assert (plan.done, plan.left, plan.step_images) == (2, 3, 325)


@pytest.mark.parametrize("refreshes", [0, 3, 10**9])
def test_a_checkpoint_with_another_number_of_measurements_is_refused(few, by_population, tmp_path, refreshes) -> None:
    config = replace(by_population, refresh=3)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path, source=few, watcher=Stopper(4))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    state["position"]["refreshes"] = refreshes
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match=rf"has {refreshes} measurements of the population after 4 steps, which this"):
        resume(tmp_path, source=few)


@pytest.mark.parametrize("fold", [True, False])
def test_it_goes_with_averages_recalibration_and_folding(few, by_population, tmp_path, fold: bool) -> None:
    config = replace(by_population, ema_decay=0.9, recalibrate="exact", fold=fold)
    result = fit(config, out=tmp_path, source=few).result
    assert (result.recalibrate, result.refreshes, result.folded) == ("exact", 3, 2 if fold else None)
    folded = fold_run(tmp_path, out=tmp_path / "folded-later.safetensors", source=few)
    assert folded.after.accuracy == pytest.approx(result.test_accuracy)


def test_in_mixed_precision_it_is_measured_as_it_trains(few, by_population) -> None:
    seen = []
    net = own_net()
    net.bn2.register_forward_pre_hook(lambda module, args: seen.append(args[0].dtype))
    fit(replace(by_population, amp="bf16", epochs=1, val_fraction=0.0), model=net, source=few, watcher=Planned())
    assert {*seen[:-1]} == {torch.bfloat16}  # the last one is the test


def test_layers_that_a_net_came_with_are_measured_too(few, by_population) -> None:
    net = own_net()
    set_moments(net, "population")
    result = fit(replace(by_population, moments="batch"), model=net, source=few).result
    assert (result.refresh, result.refreshes) == (5, 3)


def test_norms_that_its_user_froze_stay_as_they_are(few, by_population) -> None:
    class Frozen(BatchNorm1d):
        def train(self, mode: bool = True) -> nn.Module:
            return super().train(False)

    torch.manual_seed(0)
    ours = BatchNorm1d(8)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), Frozen(8), nn.Linear(8, 8), ours, nn.Linear(8, 10))
    fit(by_population, model=net, source=few)
    assert torch.equal(net[2].running_mean, torch.zeros(8))
    assert not torch.equal(ours.running_mean, torch.zeros(8))


@pytest.mark.parametrize(("model", "norm_place"), [("resnet20", "before"), ("ConvBNNet", "after")])
def test_it_trains_the_nets_of_this_package(few, by_population, model: str, norm_place: str) -> None:
    config = replace(by_population, model=model, norm_place=norm_place, epochs=1, refresh=2)
    history = fit(config, source=few).history
    assert all(0 < record.train_loss < 10 for record in history)


def test_a_divergence_says_how_old_the_statistics_were(few, by_population) -> None:
    config = replace(by_population, lr=30.0, warmup=0.0, moments="population:none")
    said = (
        r"epoch 1, step \d of 5: the loss became (nan|inf); first not finite: .*; the population's statistics are "
        r"\d steps? old\. Try a lower lr \(now 30\), or clip_norm=1, or a lower refresh \(now 5\)\.$"
    )
    with pytest.raises(DivergenceError, match=said):
        fit(config, source=few)


def test_statistics_that_are_measured_after_every_step_cannot_be_measured_sooner(few, by_population) -> None:
    config = replace(by_population, lr=1e30, warmup=0.0, refresh=1)
    with pytest.raises(DivergenceError, match=r"Try a lower lr \(now 1e\+30\), or clip_norm=1\.$"):
        fit(config, source=few)


def test_weights_beyond_numbers_are_a_divergence_where_the_population_is_measured(few, by_population) -> None:
    net, updates = own_net(), []

    def poison(*_: object) -> None:
        updates.append(1)
        if len(updates) == 3:
            with torch.no_grad():
                net.conv2.weight.fill_(1e38)

    hook = register_optimizer_step_post_hook(poison)
    said = r"the population's statistics cannot be measured: expected finite values in the input of bn2, got NaN or inf"
    try:
        with pytest.raises(DivergenceError, match=said):
            fit(replace(by_population, refresh=3), model=net, source=few)
    finally:
        hook.remove()


class Choosy(nn.Module):
    """Trains on no few images and no many, so that whether its norms are frozen is told by modes, with a note."""

    def __init__(self) -> None:
        super().__init__()
        self.net = own_net()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        is_noise = bool(x.min() < -2)  # that of the proof
        if self.training and len(x) in (2, RECALIBRATION_BATCH) and not is_noise:
            raise RuntimeError("neither few nor many")
        return self.net(x)


def test_a_note_of_the_measurements_is_said_once(few, by_population) -> None:
    listener = Listener()
    fit(replace(by_population, epochs=1, refresh=2), model=Choosy(), source=few, watcher=listener)
    assert [note.partition(" (")[0] for note in listener.notes] == [
        "the model cannot run in training mode on a batch alone"
    ]


def test_a_folder_of_such_a_run_has_its_options(few, by_population, tmp_path) -> None:
    fit(replace(by_population, refresh=3), out=tmp_path, source=few)
    config = RunFolder.open(tmp_path).read_config()
    assert (config.moments, config.refresh) == ("population", 3)


@pytest.mark.parametrize("options", [{"moments": "population"}, {"moments": "population", "refresh": 5}])
def test_a_run_is_not_resumed_with_another_refresh(few, by_population, tmp_path, options) -> None:
    from batchnorm.runs import write_config

    fit(replace(by_population, refresh=3), out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), **{"refresh": None, **options})
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"the run was started with other options: refresh\. Put them back"):
        resume(tmp_path, source=few)
