"""A training that leaves parts of a net as they are: what moves in which mode, how it goes on, what is left of it."""

import os
import signal
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from batchnorm import data, freeze, recalibrate
from batchnorm.data import Augmentation, Batches, Normalization
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.records import Initialization, read_record
from batchnorm.runs import RecalibrationImages, TrainConfig, TrainingInterrupted, initialize
from batchnorm.training import Plan, Watcher, fit, resume
from batchnorm.training._optimizer import make_optimizer, make_scheduler

from .runs import Listener, Stopper, assert_same_bits, moves, weights, without_times

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 10
"""270 images in batches of 64: five steps an epoch, two epochs."""
MODES = ("train", "frozen", "affine-only", "recalibrate")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture
def plain(quick) -> TrainConfig:
    return replace(quick, ema_decay=0.0, lr=0.01)


def own_net(seed: int = 1, width: int = 4) -> nn.Module:
    """A net whose statistics are those of some training."""
    torch.manual_seed(seed)
    net = ConvBNNet(width=width)
    for norm in (net.bn1, net.bn2):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.1, 0.3)
        norm.num_batches_tracked.fill_(50)
    return net


def trained_by_hand(few, config: TrainConfig, mode: str) -> dict[str, torch.Tensor]:
    """A loop of PyTorch's on everything but the first convolution and its norm."""
    net = own_net().to(memory_format=torch.channels_last)
    train, _ = data.split_off_validation(few.load("train"), config.val_fraction, config.seed)
    normalization, augmentation = Normalization.of(train.images), Augmentation(flip=True, shift=config.shift)
    batches = Batches(
        train, config.batch_size, normalization, augmentation=augmentation, shuffle=True, channels_last=True
    )
    net.conv1.requires_grad_(False)
    if mode in ("frozen", "recalibrate"):
        net.bn1.requires_grad_(False)
    if mode == "recalibrate":
        second = {name: buffer.clone() for name, buffer in net.bn2.named_buffers()}
        recalibrate(
            net,
            RecalibrationImages(
                train,
                normalization,
                augmentation=augmentation,
                seed=config.seed,
                epoch=config.epochs,
                channels_last=True,
            ),
        )
        net.bn2.load_state_dict(second, strict=False)
    optimizer = make_optimizer(net, config)
    scheduler = make_scheduler(optimizer, config, STEPS)
    for epoch in range(config.epochs):
        for images, labels in batches.epoch(config.seed, epoch):
            net.train()
            net.bn1.train(mode == "train")
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels, label_smoothing=config.label_smoothing).backward()
            optimizer.step()
            scheduler.step()
    return net.state_dict()


@pytest.mark.parametrize("mode", MODES)
def test_it_is_the_loop_that_one_would_write(few, plain, mode: str) -> None:
    config = replace(plain, freeze="conv1,bn1", norm_mode=mode)
    trained = fit(config, model=own_net(), source=few)
    assert_same_bits(trained.model.state_dict(), trained_by_hand(few, config, mode))


MOVING = {
    "train": {"weight", "bias", *STATISTICS},
    "frozen": set(),
    "affine-only": {"weight", "bias"},
    "recalibrate": {"running_mean", "running_var"},
}


WITH_AVERAGES = [*((mode, 0.0) for mode in MODES), ("recalibrate", 0.9)]


@pytest.mark.parametrize(("mode", "ema_decay"), WITH_AVERAGES)
def test_of_a_frozen_part_only_that_moves_which_its_mode_says(few, plain, mode: str, ema_decay: float) -> None:
    config = replace(plain, epochs=1, freeze="*,!fc", norm_mode=mode, ema_decay=ema_decay)
    trained, before = fit(config, model=own_net(), source=few).model.state_dict(), own_net().state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, trained[name])}
    assert moved == {f"{norm}.{one}" for norm in ("bn1", "bn2") for one in MOVING[mode]} | {"fc.weight", "fc.bias"}


@pytest.mark.parametrize(("mode", "ema_decay"), WITH_AVERAGES)
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(few, plain, tmp_path, mode: str, ema_decay: float) -> None:
    torch.save(own_net().state_dict(), tmp_path / "net.pt")
    config = replace(plain, ema_decay=ema_decay, init=str(tmp_path / "net.pt"), freeze="*,!fc", norm_mode=mode)
    whole = fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path / "parts", source=few, watcher=Stopper(3))
    (tmp_path / "net.pt").unlink()  # it is not needed any more
    resumed = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert list(map(without_times, resumed.history)) == list(map(without_times, whole.history))
    assert replace(resumed.result, seconds=0, run="") == replace(whole.result, seconds=0, run="")


class StopWhileMeasuring(Watcher):
    """Sends a signal to this process while the statistics are measured."""

    def measuring(self, done: int, total: int | None) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_a_measurement_that_was_interrupted_is_done_when_the_run_goes_on(few, plain, tmp_path) -> None:
    config = replace(plain, freeze="*,!fc", norm_mode="recalibrate")
    fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="in epoch 1 after step 0"):
        fit(config, out=tmp_path / "parts", source=few, watcher=StopWhileMeasuring())
    resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_run_starts_with_the_weights_of_another(few, plain, tmp_path) -> None:
    fit(plain, out=tmp_path / "features", source=few)
    config = replace(plain, model_args={"width": 4}, seed=3)
    torch.manual_seed(config.seed)
    net = ConvBNNet(width=4)
    initialize(net, str(tmp_path / "features"))
    by_hand = fit(config, model=net, source=few)
    started = fit(replace(config, init=str(tmp_path / "features")), out=tmp_path / "run", source=few)
    assert_same_bits(started.model.state_dict(), by_hand.model.state_dict())
    assert set(read_record(tmp_path / "run" / "initialization.json", Initialization).named("taken")) == {
        *net.state_dict()
    }


def test_a_relative_path_is_kept_as_one_that_means_the_same_anywhere(few, plain, tmp_path, monkeypatch) -> None:
    torch.save(own_net().state_dict(), tmp_path / "net.pt")
    monkeypatch.chdir(tmp_path)
    result = fit(replace(plain, init="net.pt", epochs=1), source=few).result
    assert result.init == str(tmp_path / "net.pt")
    assert "started with the weights of" in str(result)


def test_weights_that_changed_before_the_first_checkpoint_are_noticed(few, plain, tmp_path) -> None:
    torch.save(own_net(1).state_dict(), tmp_path / "net.pt")
    config = replace(plain, init=str(tmp_path / "net.pt"))
    with pytest.raises(TrainingInterrupted, match="SIGINT"):
        fit(config, out=tmp_path / "run", source=few, watcher=Stopper(1))
    for name in ("last.ckpt", "metrics.jsonl", "model.safetensors"):
        (tmp_path / "run" / name).unlink()
    torch.save(own_net(2).state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"^init: \S+net\.pt: has changed since the run in \S+ was started with it"):
        resume(tmp_path / "run", source=few)


class Planned(Listener):
    """Keeps the plan and the notes."""

    def started(self, plan: Plan) -> None:
        self.plan = plan


def test_the_plan_and_the_result_say_what_is_not_trained(few, plain, tmp_path) -> None:
    heard = Planned()
    config = replace(plain, freeze="*,!fc", norm_mode="recalibrate")
    result = fit(config, out=tmp_path, source=few, watcher=heard).result
    parts, without_head = heard.plan.parts, heard.plan.parameters - (10 * 8 * 49 + 10)
    assert (parts.untrained, parts.norms, parts.images) == (without_head, ("bn1", "bn2"), 271)
    assert (result.freeze, result.norm_mode, result.untrained) == ("*,!fc", "recalibrate", without_head)


def test_random_weights_that_are_not_trained_are_noted(few, plain) -> None:
    heard = Planned()
    fit(replace(plain, freeze="conv1"), source=few, watcher=heard)
    assert any("keeps the random weights" in note for note in heard.notes)


@pytest.mark.parametrize(("mode", "ema_decay"), [("train", 0.0), ("affine-only", 0.0), ("recalibrate", 0.9)])
def test_the_net_that_comes_back_is_trained_again(few, plain, mode: str, ema_decay: float) -> None:
    net = own_net()
    trained = fit(
        replace(plain, epochs=1, freeze="*,!fc", norm_mode=mode, ema_decay=ema_decay), model=net, source=few
    ).model
    for one in (net, trained):
        assert all(parameter.requires_grad for parameter in one.parameters())
        assert moves(one) == {"bn1": True, "bn2": True}


def test_what_its_user_froze_stays_frozen(few, plain) -> None:
    net = own_net()
    net.conv2.requires_grad_(False)
    freeze(net, affine=True, filter_fn=lambda norm, name: name == "bn2")
    fit(replace(plain, epochs=1, freeze="conv*,bn1"), model=net, source=few)
    assert {name for name, one in net.named_parameters() if not one.requires_grad} == {
        *("conv2.weight", "conv2.bias", "bn2.weight", "bn2.bias")
    }
    assert moves(net) == {"bn1": True, "bn2": False}


def test_a_net_whose_training_was_stopped_is_trained_again(few, plain) -> None:
    net = own_net()
    with pytest.raises(TrainingInterrupted, match="SIGINT"):
        fit(replace(plain, freeze="*,!fc"), model=net, source=few, watcher=Stopper(2))
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert moves(net) == {"bn1": True, "bn2": True}


def test_a_net_that_is_refused_keeps_its_weights_and_is_trained_again(few, plain, tmp_path) -> None:
    torch.save(own_net(1).state_dict(), tmp_path / "net.pt")
    net = own_net(2)
    config = replace(plain, init=str(tmp_path / "net.pt"), freeze="conv1", freeze_norms="after:0.95")
    with pytest.raises(InputError, match=r"^freeze_norms: 'after:0\.95' would freeze nothing in this training"):
        fit(config, model=net, source=few)
    assert_same_bits(net.state_dict(), own_net(2).state_dict())
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_norms_that_are_frozen_later_are_the_others(few, plain) -> None:
    net = own_net()
    config = replace(plain, freeze="conv1,bn1", freeze_norms="after:0.5")
    fit(config, model=net, source=few)
    assert (int(net.bn1.num_batches_tracked), int(net.bn2.num_batches_tracked)) == (50, 55)
    assert moves(net) == {"bn1": True, "bn2": True}


@pytest.mark.parametrize(
    ("text", "trained"),
    [
        ("conv*", {"bn1", "bn2", "fc"}),
        ("conv1.weight", {"conv1.bias", "bn1", "conv2", "bn2", "fc"}),
        ("*.weight", {"conv1.bias", "bn1.bias", "conv2.bias", "bn2.bias", "fc.bias"}),
        ("bn1.weight, bn1.bias", {"conv1", "conv2", "bn2", "fc"}),
        ("*,!bn2", {"bn2"}),
    ],
)
def test_patterns_mean_parameters_and_modules_with_all_inside(few, plain, text: str, trained: set[str]) -> None:
    net = own_net()
    heard = Planned()
    fit(replace(plain, epochs=1, freeze=text), model=net, source=few, watcher=heard)
    before, after = dict(own_net().named_parameters()), dict(net.named_parameters())
    moved = {name for name, one in before.items() if not torch.equal(one, after[name])}
    assert moved == {name for name in before if name in trained or name.rpartition(".")[0] in trained}


def test_a_norm_is_in_what_is_frozen_only_as_a_whole(few, plain) -> None:
    net = own_net()
    fit(replace(plain, epochs=1, freeze="*.weight"), model=net, source=few)
    assert int(net.bn1.num_batches_tracked) == 55


def test_all_but_the_norms_may_be_frozen(few, plain) -> None:
    net = own_net()
    fit(replace(plain, epochs=1, freeze="*", norm_mode="affine-only"), model=net, source=few)
    before = own_net().state_dict()
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"bn1.weight", "bn1.bias", "bn2.weight", "bn2.bias"}
