"""A training that freezes norms: when their statistics stop, what goes on, and what is left when it is done."""

import json
import os
import signal
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from batchnorm import data, freeze, recalibrate
from batchnorm.data import Augmentation, Batches, Normalization
from batchnorm.models import ConvBNNet
from batchnorm.nn import set_moments
from batchnorm.runs import RecalibrationImages, RunFolder, TrainConfig, TrainingInterrupted, evaluate, recalibrate_run
from batchnorm.training import Plan, StepReport, Watcher, fit, resume
from batchnorm.training._optimizer import make_optimizer, make_scheduler

from .runs import Stopper, assert_same_bits, moves, weights, without_times

STEPS = 10
"""270 images in batches of 64: five steps an epoch, two epochs."""


@pytest.fixture
def plain(quick) -> TrainConfig:
    return replace(quick, ema_decay=0.0, lr=0.01)


def own_net(norm: str = "batchnorm") -> nn.Module:
    torch.manual_seed(1)
    return ConvBNNet(width=4, norm=norm)


def trained_by_hand(few, config: TrainConfig, frozen: dict[str, int]) -> dict[str, torch.Tensor]:
    """A loop of PyTorch's, which puts a norm into evaluation from its step on; a population is measured before it."""
    net = own_net(config.norm).to(memory_format=torch.channels_last)
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
    due: set[int] = set()
    if config.moments == "population":
        set_moments(net, "population")
        last = min(frozen.values())
        due = {*range(0, last, config.refresh), last}
    net.train()
    for done in range(STEPS):
        if done % 5 == 0:
            epoch = batches.epoch(config.seed, done // 5)
        if done in due:
            recalibrate(net, population)
        for name, since in frozen.items():
            if done >= since:
                net.get_submodule(name).eval()
        images, labels = next(epoch)
        optimizer.zero_grad()
        F.cross_entropy(net(images), labels, label_smoothing=config.label_smoothing).backward()
        optimizer.step()
        scheduler.step()
    return net.state_dict()


@pytest.mark.parametrize(
    ("options", "frozen"),
    [
        ({"freeze_norms": "after:0.5"}, {"bn1": 5, "bn2": 5}),
        ({"freeze_norms": "after:0.71"}, {"bn1": 8, "bn2": 8}),
        ({"freeze_norms": "bn2"}, {"bn2": 0}),
        ({"freeze_norms": "*1, bn2"}, {"bn1": 0, "bn2": 0}),
        ({"freeze_norms": "after:0.7", "norm": "torch"}, {"bn1": 7, "bn2": 7}),
        ({"freeze_norms": "after:0.7", "moments": "population", "refresh": 3}, {"bn1": 7, "bn2": 7}),
        ({"freeze_norms": "after:0.6", "moments": "population", "refresh": 3}, {"bn1": 6, "bn2": 6}),
    ],
    ids=str,
)
def test_it_is_the_loop_that_one_would_write(one_thread, few, plain, options, frozen: dict[str, int]) -> None:
    config = replace(plain, **options)
    trained = fit(config, model=own_net(config.norm), source=few)
    assert_same_bits(trained.model.state_dict(), trained_by_hand(few, config, frozen))


class Statistics(Watcher):
    """Keeps a net's statistics and its norms' weights behind each step."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.seen: list[dict[str, torch.Tensor]] = []

    def step(self, report: StepReport) -> None:
        self.seen.append({name: tensor.clone() for name, tensor in self.net.state_dict().items() if "bn" in name})


def test_mean_variance_and_counter_stop_while_weight_and_bias_train_on(few, plain) -> None:
    net = own_net()
    heard = Statistics(net)
    fit(replace(plain, freeze_norms="after:0.8"), model=net, source=few, watcher=heard)
    at_the_moment, at_the_end = heard.seen[7], heard.seen[9]
    stand_still = {name for name, tensor in at_the_moment.items() if torch.equal(tensor, at_the_end[name])}
    assert stand_still == {name for name in at_the_end if "running" in name or "num_batches" in name}
    assert not torch.equal(heard.seen[6]["bn1.running_mean"], at_the_moment["bn1.running_mean"])


@pytest.mark.parametrize(
    ("options", "stop_after"),
    [
        *(({"freeze_norms": "after:0.5", "ema_decay": 0.9}, stop_after) for stop_after in (4, 5, 6)),
        *(({"freeze_norms": "after:0.7"}, stop_after) for stop_after in (6, 7, 8)),
        *(({"freeze_norms": "after:0.7", "moments": "population", "refresh": 4}, stop_after) for stop_after in (7, 9)),
        ({"freeze_norms": "bn1", "recalibrate": "average"}, 3),
    ],
    ids=str,
)
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(few, plain, tmp_path, options, stop_after: int) -> None:
    """The stops lie before the moment, on it, behind it, and between two epochs."""
    config = replace(plain, **options)
    whole = fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path / "parts", source=few, watcher=Stopper(stop_after))
    resumed = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert list(map(without_times, resumed.history)) == list(map(without_times, whole.history))
    timeless = {"seconds": 0, "run": "", "refresh_seconds": 0}
    assert replace(resumed.result, **timeless) == replace(whole.result, **timeless)


class StopWhileMeasuring(Watcher):
    """Sends a signal to this process in the first batch of a measurement, of which so many others went before."""

    def __init__(self, others: int) -> None:
        self.left = others

    def measuring(self, done: int, total: int | None) -> None:
        if done == 1 and self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
        self.left -= done == 1


def test_what_is_to_be_frozen_is_measured_first_where_that_was_interrupted(few, plain, tmp_path) -> None:
    config = replace(plain, freeze_norms="after:0.7", moments="population", refresh=4)
    fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="epoch 2 after step 2"):
        fit(config, out=tmp_path / "parts", source=few, watcher=StopWhileMeasuring(2))
    resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_recalibration_that_was_interrupted_leaves_frozen_norms_alone_when_it_is_done(few, plain, tmp_path) -> None:
    class StopInRecalibration(Watcher):
        def batch(self, done: int, total: int | None, number: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    config = replace(plain, freeze_norms="bn1", recalibrate="average")
    with pytest.raises(TrainingInterrupted, match="after the last epoch, before the test"):
        fit(config, out=tmp_path, source=few, watcher=StopInRecalibration())
    resume(tmp_path, source=few)
    assert torch.equal(weights(tmp_path)["bn1.running_mean"], torch.zeros(4))


class Planned(Watcher):
    """Keeps the plan."""

    def started(self, plan: Plan) -> None:
        self.plan = plan


def test_the_plan_and_the_result_say_what_was_frozen_and_since_when(few, plain, tmp_path) -> None:
    heard = Planned()
    result = fit(replace(plain, freeze_norms="after:0.8"), out=tmp_path, source=few, watcher=heard).result
    assert (heard.plan.freezing.norms, heard.plan.freezing.since, heard.plan.freezing.steps) == (("bn1", "bn2"), 8, 10)
    assert (result.frozen, result.frozen_since) == (("bn1", "bn2"), 8)
    assert "running statistics frozen after step 8: bn1, bn2" in str(result)
    written = json.loads((tmp_path / "result.json").read_text())
    assert (written["frozen"], written["frozen_since"]) == (["bn1", "bn2"], 8)
    assert RunFolder.open(tmp_path).read_result() == result


class Notes(Watcher):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes = []

    def note(self, message: str) -> None:
        self.notes.append(str(message))


@pytest.mark.parametrize(("which", "when"), [("after:0.8", "after 8 steps"), ("bn1", "in the first step")])
def test_statistics_that_are_frozen_young_are_noted(few, plain, which: str, when: str) -> None:
    heard, share = Notes(), 0.9 ** (8 if which == "after:0.8" else 0)
    fit(replace(plain, freeze_norms=which), source=few, watcher=heard)
    (said,) = [note for note in heard.notes if "frozen" in note]
    assert said.startswith(f"the running statistics are young when they are frozen, {when}: up to {share:.0%} of each")


def test_they_are_noted_of_a_net_in_a_wrapper(few, plain) -> None:
    heard = Notes()
    fit(replace(plain, freeze_norms="bn1", epochs=1), model=nn.DataParallel(own_net()), source=few, watcher=heard)
    assert [note for note in heard.notes if "young" in note]


def test_statistics_of_many_batches_are_no_matter_of_note(few, plain) -> None:
    net, heard = own_net(), Notes()
    for norm in (net.bn1, net.bn2):
        norm.num_batches_tracked.fill_(44)  # 0.9 ** 44 is below one percent
    fit(replace(plain, freeze_norms="*"), model=net, source=few, watcher=heard)
    assert not [note for note in heard.notes if "frozen" in note]


def test_a_training_that_freezes_nothing_says_nothing_of_it(few, plain) -> None:
    heard = Planned()
    result = fit(replace(plain, epochs=1), source=few, watcher=heard).result
    assert (result.frozen, result.frozen_since, heard.plan.freezing) == ((), None, None)
    assert "frozen" not in str(result)


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
@pytest.mark.parametrize("which", ["after:0.8", "bn1"])
def test_the_net_that_comes_back_is_not_frozen(few, plain, which: str, ema_decay: float) -> None:
    net = own_net()
    trained = fit(replace(plain, freeze_norms=which, ema_decay=ema_decay), model=net, source=few)
    assert not trained.model.training
    assert moves(trained.model) == moves(net) == {"bn1": True, "bn2": True}
    assert "train" not in vars(net.bn1)


def test_nor_is_one_whose_training_was_stopped(few, plain) -> None:
    net = own_net()
    with pytest.raises(TrainingInterrupted, match="SIGINT"):
        fit(replace(plain, freeze_norms="*"), model=net, source=few, watcher=Stopper(3))
    assert moves(net) == {"bn1": True, "bn2": True}


def test_norms_that_its_user_froze_stay_frozen(few, plain) -> None:
    net = own_net()
    freeze(net, filter_fn=lambda norm, name: name == "bn1")
    freeze(net, statistics=False, affine=True, filter_fn=lambda norm, name: name == "bn2")
    result = fit(replace(plain, freeze_norms="after:0.5"), model=net, source=few).result
    assert result.frozen == ("bn2",)
    assert moves(net) == {"bn1": False, "bn2": True}
    assert not net.bn2.weight.requires_grad


@pytest.mark.parametrize(
    "options",
    [
        {"recalibrate": "exact"},
        {"recalibrate": "average", "ema_decay": 0.9},
        {"ema_decay": 0.9, "ema_buffers": "recalibrate"},
        {"ema_decay": 0.9, "ema_buffers": "copy"},
    ],
    ids=str,
)
def test_a_frozen_norm_keeps_its_statistics_whatever_becomes_of_the_others(few, plain, options) -> None:
    net = fit(replace(plain, freeze_norms="bn1", **options), model=own_net(), source=few).model
    assert torch.equal(net.bn1.running_mean, torch.zeros(4))
    assert torch.equal(net.bn1.running_var, torch.ones(4))
    assert not torch.equal(net.bn2.running_mean, torch.zeros(8))


def test_the_average_takes_up_the_statistics_that_stand_still(few, plain) -> None:
    """From the fifth step on `average = d * average + (1 - d) * frozen`, five times with the same numbers."""
    net = own_net()
    heard = Statistics(net)
    trained = fit(replace(plain, freeze_norms="after:0.5", ema_decay=0.9), model=net, source=few, watcher=heard)
    average = torch.zeros(4, dtype=torch.float64)
    for n, seen in enumerate(heard.seen):
        weight = 1.0 if n == 0 else 1 - min(0.9, (1 + n) / (10 + n))
        average += weight * (seen["bn1.running_mean"].double() - average)
    torch.testing.assert_close(trained.model.bn1.running_mean.double(), average, rtol=1e-5, atol=1e-7)


def test_the_population_is_measured_when_it_is_frozen_and_not_again(few, plain, tmp_path) -> None:
    config = replace(plain, freeze_norms="after:0.7", moments="population", refresh=3)
    heard = Planned()
    result = fit(config, out=tmp_path, source=few, watcher=heard).result
    assert result.refreshes == 4  # before step 1, behind steps 3, 6 and 7
    assert heard.plan.population.left == 4


def test_a_population_that_is_frozen_from_the_start_is_never_measured(few, plain) -> None:
    result = fit(replace(plain, freeze_norms="*", moments="population", epochs=1), source=few).result
    assert (result.refresh, result.refreshes) == (None, 0)


def test_what_is_done_with_the_run_afterwards_knows_nothing_of_it(few, plain, tmp_path) -> None:
    fit(replace(plain, freeze_norms="after:0.5", fold=True), out=tmp_path, source=few)
    frozen = weights(tmp_path)
    assert evaluate(tmp_path, source=few).running.images == 100
    recalibrate_run(tmp_path, source=few, threads=1)
    assert not torch.equal(weights(tmp_path)["bn1.running_mean"], frozen["bn1.running_mean"])


def test_norms_that_are_frozen_from_the_start_need_no_second_image(few, plain) -> None:
    config = replace(plain, model="MLP", model_args={}, freeze_norms="*", batch_size=1, epochs=1, val_fraction=0.9)
    assert fit(config, source=few).result.steps == 30


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, partial(torch.compile, backend="eager")], ids=["parallel", "compiled"]
)
def test_norms_inside_a_wrapper_have_the_names_that_they_have_in_the_net(few, plain, wrap) -> None:
    net = own_net()
    config = replace(plain, freeze_norms="bn*", moments="population", epochs=1)
    result = fit(config, model=wrap(net), source=few).result
    assert (result.frozen, result.refreshes) == (("bn1", "bn2"), 0)
    assert torch.equal(net.bn1.running_mean, torch.zeros(4))


def test_norms_without_statistics_are_left_out(few, plain) -> None:
    net = own_net("torch")
    net.bn1 = nn.Sequential(nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(), nn.MaxPool2d(2))
    net.bn2 = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    net = nn.Sequential(net.conv1, net.bn1, net.conv2, net.bn2, nn.Flatten(), net.fc)
    assert fit(replace(plain, freeze_norms="after:0.5"), model=net, source=few).result.frozen == ("3.0",)
