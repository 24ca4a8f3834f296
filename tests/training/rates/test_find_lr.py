"""A range test by a training's own steps: what it sees, that it leaves nothing, and how lr="auto" takes its rate."""

import os
import random
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import batchnorm.nn
from batchnorm.data import Augmentation, Batches, Normalization, split_off_validation
from batchnorm.errors import InputError, InputTypeError
from batchnorm.models import build
from batchnorm.records import LRRangeTest, read_record
from batchnorm.runs import RunFolder, TrainConfig, TrainingInterrupted
from batchnorm.training import LRRangeOptions, Watcher, find_lr, fit, resume

from ...transaction.picture import picture, picture_of_chance
from ..runs import assert_same_bits, weights

SHORT = LRRangeOptions(1e-4, 10.0, steps=40)


@pytest.fixture
def config() -> TrainConfig:
    """Without what a range test takes no part in."""
    return TrainConfig(model_args={"width": 4}, epochs=2, threads=1, val_fraction=0.1, label_smoothing=0.1)


def own_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(676, 10)
    )


def test_its_losses_are_those_of_a_plain_loop_with_rising_rates(few, config) -> None:
    """Beside torch's exponential schedule, on a net of the same seed."""
    found = find_lr(config, source=few, options=SHORT)
    train, _ = split_off_validation(few.load("train"), 0.1, 0)
    torch.manual_seed(config.seed)
    net = build("ConvBNNet", num_classes=10, in_channels=1, image_size=28, width=4)
    batches = Batches(train, 64, Normalization.of(train.images), shuffle=True, augmentation=Augmentation(True, 0))
    spared = [p for name, p in net.named_parameters() if p.ndim == 1]
    decayed = [p for name, p in net.named_parameters() if p.ndim > 1]
    groups = [{"params": decayed, "weight_decay": 1e-4}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=1e-4, momentum=0.9, nesterov=True)
    rates = torch.optim.lr_scheduler.ExponentialLR(optimizer, (10.0 / 1e-4) ** (1 / 39))
    losses = []
    for epoch in range(8):
        for images, labels in batches.epoch(config.seed, epoch):
            loss = F.cross_entropy(net(images), labels, label_smoothing=0.1)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
    seen = [step.loss for step in found.steps if step.loss is not None][:16]  # later, rounding has grown
    assert seen == pytest.approx(losses[:16], rel=1e-4)


def test_auto_trains_as_if_the_suggestion_had_been_given_bit_for_bit(few, quick, tmp_path) -> None:
    """With an average, shifts and all that has a state."""
    auto = fit(replace(quick, lr="auto"), source=few, out=tmp_path / "auto")
    found = find_lr(quick, source=few)
    assert read_record(tmp_path / "auto" / "lr_range_test.json", LRRangeTest) == found
    fit(replace(quick, lr=found.suggestion), source=few, out=tmp_path / "given")
    assert_same_bits(weights(tmp_path / "auto"), weights(tmp_path / "given"))
    assert_same_bits(weights(tmp_path / "auto"), auto.model.state_dict())
    assert RunFolder.open(tmp_path / "auto").read_config() == RunFolder.open(tmp_path / "given").read_config()


def test_a_run_of_auto_goes_on_with_the_rate_that_was_found(few, quick, tmp_path) -> None:
    fit(replace(quick, lr="auto", epochs=1), source=few, out=tmp_path / "auto")
    config = RunFolder.open(tmp_path / "auto").read_config()
    assert isinstance(config.lr, float)
    assert resume(tmp_path / "auto", source=few).result.epochs == 1


def test_the_suggestion_trains(quick, few_images) -> None:
    """Far above chance, for a net of its own, where a hundredth of it does not."""
    few = few_images(1000, 400)
    auto = fit(replace(quick, lr="auto", epochs=3, ema_decay=0.0), source=few)
    low = fit(replace(quick, lr=auto.history[0].lr / 100, epochs=3, ema_decay=0.0), source=few)
    assert auto.result.test_accuracy > 0.5
    assert auto.result.test_accuracy > low.result.test_accuracy + 0.1


def test_a_net_in_hand_is_left_as_it_was_bit_for_bit_and_in_its_place(few, config) -> None:
    net = own_net()
    net.eval()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    before = picture(net)
    find_lr(config, model=net, source=few, options=SHORT)
    assert picture(net) == before


def test_the_settings_of_its_layers_are_put_back(few, config) -> None:
    net = own_net()
    net[1] = batchnorm.nn.BatchNorm2d(4, route="composed")
    find_lr(replace(config, moments="ghost:16", route="native"), model=net, source=few, options=SHORT)
    assert (net[1].route, str(net[1].moments)) == ("composed", "batch")


def test_no_random_state_moves(few, config) -> None:
    class Draws(nn.Module):
        def forward(self, x):
            random.random()  # noqa: S311 - what a net may draw
            np.random.random()
            return x * (1 + 0.01 * torch.rand(()))

    net = nn.Sequential(Draws(), *own_net())
    torch.manual_seed(5)
    before = picture_of_chance()
    find_lr(config, model=net, source=few, options=SHORT)
    assert picture_of_chance() == before


def test_it_writes_no_file(few, config, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    find_lr(config, source=few, options=SHORT)
    assert not [*tmp_path.iterdir()]


def test_the_same_options_find_the_same(few, config) -> None:
    assert find_lr(config, source=few, options=SHORT) == find_lr(config, source=few, options=SHORT)


def test_what_comes_later_in_a_training_has_no_part_in_it(few, config) -> None:
    later = replace(
        config, lr=3.0, epochs=7, schedule="cosine", warmup=0.7, ema_decay=0.9, recalibrate="exact", fold=True
    )
    assert find_lr(later, source=few, options=SHORT) == find_lr(config, source=few, options=SHORT)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adamw"},
        {"accumulate": 2},
        {"seed": 1},
        {"moments": "population", "refresh": 3},
        {"freeze_norms": "*"},
    ],
    ids=str,
)
def test_what_makes_a_step_has_its_part_in_it(few, config, options) -> None:
    assert find_lr(replace(config, **options), source=few, options=SHORT) != find_lr(config, source=few, options=SHORT)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"moments": "population"},
        {"freeze_norms": "*"},
        {"freeze": "conv1,bn1", "norm_mode": "recalibrate"},
        {"keep": "best"},
    ],
    ids=str,
)
def test_auto_is_the_suggestion_whatever_a_training_holds(few, quick, tmp_path, options) -> None:
    quick = replace(quick, **options)
    fit(replace(quick, lr="auto"), source=few, out=tmp_path / "auto")
    found = read_record(tmp_path / "auto" / "lr_range_test.json", LRRangeTest)
    fit(replace(quick, lr=found.suggestion), source=few, out=tmp_path / "given")
    assert_same_bits(weights(tmp_path / "auto"), weights(tmp_path / "given"))


class StopAt(Watcher):
    """Sends a signal to this process at a step of the range test."""

    def __init__(self, number: int) -> None:
        self.number = number

    def rate_tried(self, done: int, total: int, lr: float, loss: float) -> None:
        if done == self.number:
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_puts_the_net_back_and_says_that_nothing_is_saved(few, config) -> None:
    net = own_net()
    before = picture(net)
    with pytest.raises(TrainingInterrupted, match="SIGINT: stopped while a learning rate was looked for; nothing is"):
        find_lr(config, model=net, source=few, options=SHORT, watcher=StopAt(5))
    assert picture(net) == before


def test_a_training_that_is_interrupted_in_it_leaves_no_folder(few, config, tmp_path) -> None:
    with pytest.raises(TrainingInterrupted, match="nothing is saved"):
        fit(replace(config, lr="auto"), source=few, out=tmp_path / "run", watcher=StopAt(5))
    assert not (tmp_path / "run").exists()


class Fails(nn.Module):
    """Raises in its 30th forward in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 30

    def forward(self, x):
        self.left -= 1
        if self.left == 0:
            raise OSError("no more")
        return x


def test_whatever_a_net_raises_it_is_put_back(few, config) -> None:
    net = nn.Sequential(Fails(), *own_net())
    before = picture(net)
    with pytest.raises(OSError, match="no more"):
        find_lr(config, model=net, source=few, options=SHORT)
    assert picture(net) == before


def test_a_training_without_a_suggestion_is_refused_and_leaves_no_folder(few, config, tmp_path) -> None:
    """A net whose output does not depend on what is trained."""

    class Still(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(10))

        def forward(self, x):
            return x.flatten(1)[:, :10] + 0 * self.weight

    with pytest.raises(
        InputError,
        match=r"^lr: no learning rate can be suggested: .* by chance.*Give one, such as lr=0\.1, or search .*steps=400",
    ):
        fit(replace(config, lr="auto"), model=Still(), source=few, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [{"steps": 50}, None])
def test_options_of_another_type_are_refused(few, options) -> None:
    with pytest.raises(InputTypeError, match=r"options: expected a LRRangeOptions.*Write options=LRRangeOptions\("):
        find_lr(source=few, options=options)


def test_an_option_of_a_training_is_to_be_passed_in_a_config() -> None:
    with pytest.raises(
        InputTypeError, match=r"epochs: find_lr has no such argument\. Pass TrainConfig\(epochs=\.\.\.\)"
    ):
        find_lr(epochs=3)


@pytest.mark.parametrize("lr", ["fast", "Auto", True, None, 0.0, -1.0])
def test_what_is_neither_a_rate_nor_auto_is_refused(lr) -> None:
    with pytest.raises(InputError, match="lr: expected a finite number above 0, or 'auto', got"):
        TrainConfig(lr=lr)


def test_a_run_whose_config_has_no_rate_does_not_go_on(few, quick, tmp_path) -> None:
    fit(replace(quick, epochs=1), source=few, out=tmp_path / "run")
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("lr = 0.05", 'lr = "auto"'))
    with pytest.raises(InputError, match=r"lr: the run's config says 'auto', where a training writes the rate"):
        resume(tmp_path / "run", source=few)
