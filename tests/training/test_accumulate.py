"""A step of several batches: its gradient, its statistics, and that everything that counts steps counts updates."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import TrainConfig, TrainingInterrupted
from batchnorm.training import DivergenceError, Plan, StepReport, Watcher, fit, resume

from .runs import Stopper, assert_same_bits, weights, without_times


@pytest.fixture
def accumulated(quick) -> TrainConfig:
    """270 images in steps of 4 batches of 16: four steps of 64 images and one of 14, which is one batch."""
    return replace(quick, batch_size=16, accumulate=4)


def own_net(norm: str = "none") -> nn.Module:
    torch.manual_seed(1)
    return ConvBNNet(width=4, norm=norm).double()


class InDouble(nn.Module):
    """A net in float64, so that a sum's order is seen far behind the digits of a mistake."""

    def __init__(self) -> None:
        super().__init__()
        self.net = own_net()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x.double())


@pytest.mark.parametrize(
    ("batch_size", "options"),
    [(16, {}), (1, {}), (24, {}), (24, {"clip_norm": 0.5}), (24, {"optimizer": "adamw", "lr": 0.01})],
    ids=str,
)
def test_a_step_of_several_batches_is_one_by_all_their_images(one_thread, few, quick, batch_size: int, options) -> None:
    """The last step of an epoch has 14 images, the last batch of a step of 72 in threes has fewer than the others."""
    whole = 72 if batch_size == 24 else 64
    config = replace(quick, **options)
    at_once = fit(replace(config, batch_size=whole), model=InDouble(), source=few)
    in_parts = fit(replace(config, batch_size=batch_size, accumulate=whole // batch_size), model=InDouble(), source=few)
    for name, tensor in at_once.model.state_dict().items():
        torch.testing.assert_close(in_parts.model.state_dict()[name], tensor, rtol=1e-9, atol=1e-12)
    assert in_parts.result.steps == at_once.result.steps
    assert in_parts.history[-1].train_loss == pytest.approx(at_once.history[-1].train_loss, rel=1e-9)
    assert in_parts.history[-1].train_plain_loss == pytest.approx(at_once.history[-1].train_plain_loss, rel=1e-9)
    assert in_parts.history[-1].train_accuracy == at_once.history[-1].train_accuracy


class Heard(Watcher):
    """Keeps the plan and the steps."""

    def __init__(self) -> None:
        self.steps: list[StepReport] = []

    def started(self, plan: Plan) -> None:
        self.plan = plan

    def step(self, report: StepReport) -> None:
        self.steps.append(report)


def test_a_step_is_an_update_of_the_weights(few, accumulated, tmp_path) -> None:
    heard, passes = Heard(), []
    net = ConvBNNet(width=4)
    net.conv1.register_forward_pre_hook(lambda module, args: passes.append(len(args[0])) if module.training else None)
    trained = fit(replace(accumulated, val_fraction=0.0, ema_decay=0.0), model=net, source=few, watcher=heard)
    assert (heard.plan.images, heard.plan.steps_per_epoch) == (300, 5)
    assert [report.step for report in heard.steps] == [1, 2, 3, 4, 5] * 2
    assert [record.steps for record in trained.history] == [5, 5]
    assert trained.result.steps == 10
    assert passes[-19:] == [16] * 18 + [12]


@pytest.mark.parametrize("stop_after", [4, 5, 7])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(few, accumulated, tmp_path, stop_after: int) -> None:
    whole = fit(accumulated, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(accumulated, out=tmp_path / "parts", source=few, watcher=Stopper(stop_after))
    resumed = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert list(map(without_times, resumed.history)) == list(map(without_times, whole.history))


def test_a_last_batch_of_one_image_is_left_out(few_images, accumulated) -> None:
    """101 images in steps of 4 batches of 4: the seventh step would have a batch of 4 and one of a single image."""
    heard = Heard()
    config = replace(accumulated, val_fraction=0.0, batch_size=4)
    fit(config, source=few_images(train=101), watcher=heard)
    assert heard.plan.images == 100


def test_a_divergence_says_in_which_batch_of_the_step(few, accumulated) -> None:
    class Bad(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.calls = own_net("batchnorm").float(), 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += len(x) == 16
            return self.net(x) * (float("nan") if self.calls > 5 else 1.0)

    said = r"^epoch 1, step 2 of 5: the loss of batch 2 of 4 became nan; first not finite: output of "
    with pytest.raises(DivergenceError, match=said):
        fit(replace(accumulated, ema_decay=0.0), model=Bad(), source=few)


class Inputs:
    """Keeps what a norm gets in training, in float64, batch by batch."""

    def __init__(self, norm: nn.Module) -> None:
        self.seen: list[torch.Tensor] = []
        norm.register_forward_pre_hook(self)

    def __call__(self, norm: nn.Module, args: tuple[torch.Tensor]) -> None:
        if norm.training:
            self.seen.append(args[0].detach().double().transpose(0, 1).flatten(1).clone())


SIZES = [[16] * 4] * 4 + [[14]]
"""The batches of the steps of an epoch."""


@pytest.mark.parametrize(
    ("norm", "moments"), [("batchnorm", "batch"), ("batchnorm", "ghost:4"), ("batchnorm", "renorm"), ("torch", "batch")]
)
def test_the_statistics_move_once_a_step_by_all_its_images(
    one_thread, few, accumulated, norm: str, moments: str
) -> None:
    """The batches' inputs put together, by the formula of the running statistics: momentum 0.1, unbiased variance."""
    net = own_net(norm).float()
    given = Inputs(net.bn2)
    fit(replace(accumulated, ema_decay=0.0, moments=moments), model=net, source=few)
    ahead = len(given.seen) - 2 * sum(map(len, SIZES))  # those of the proof, whose copies of the net have the same hook
    batches = iter(given.seen[ahead:])
    mean, var = torch.zeros(8, dtype=torch.float64), torch.ones(8, dtype=torch.float64)
    for sizes in SIZES * 2:
        values = torch.cat([next(batches) for _ in sizes], dim=1)
        mean += 0.1 * (values.mean(1) - mean)
        var += 0.1 * (values.var(1) - var)
    torch.testing.assert_close(net.bn2.running_mean.double(), mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net.bn2.running_var.double(), var, rtol=1e-4, atol=1e-5)
    assert net.bn2.num_batches_tracked == 10


def test_norms_that_are_called_twice_in_a_forward_move_once_a_step(few, accumulated) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = own_net("batchnorm").float()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x) + self.net(x.flip(-1))

    trained = fit(replace(accumulated, ema_decay=0.0), model=Both(), source=few)
    assert trained.model.net.bn1.num_batches_tracked == trained.result.steps == 10


def test_a_population_is_moved_by_no_batch_and_measured_every_so_many_steps(few, accumulated) -> None:
    config = replace(accumulated, ema_decay=0.0, lr=0.01, moments="population", refresh=3)
    net = own_net("batchnorm").float()
    counted = net.bn1.num_batches_tracked.clone()
    assert fit(config, model=net, source=few).result.refreshes == 5
    assert torch.equal(net.bn1.num_batches_tracked, counted)


def test_frozen_norms_stand_still_from_a_step_on(few, accumulated) -> None:
    config = replace(accumulated, ema_decay=0.0, freeze_norms="after:0.8")
    net = own_net("batchnorm").float()
    assert fit(config, model=net, source=few).result.frozen_since == 8
    assert net.bn1.num_batches_tracked == 8


def test_norms_that_are_constants_by_their_class_stay_so(few, accumulated, peers) -> None:
    frozen = peers.load("torchvision").ops.FrozenBatchNorm2d(4)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), frozen, nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))
    assert fit(replace(accumulated, epochs=1, ema_decay=0.0), model=net, source=few).result.steps == 5
    assert torch.equal(frozen.running_mean, torch.zeros(4))


def test_a_norm_with_a_forward_of_its_own_is_refused_before_anything_is_written(few, accumulated, tmp_path) -> None:
    class Own(nn.BatchNorm2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x * 2)

    net = nn.Sequential(nn.Conv2d(1, 4, 3), Own(4), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))
    said = (
        r"^accumulate: the statistics of several batches cannot be merged in this net: .*1 \(Own\), which has a "
        r"forward of its own: of how many values its moments are is not known\. Leave it at 1\.$"
    )
    with pytest.raises(InputError, match=said):
        fit(accumulated, out=tmp_path / "run", model=net, source=few)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options", [{"amp": "bf16"}, {"label_smoothing": 0.0}, {"recalibrate": "average", "fold": True}]
)
def test_it_goes_with_other_options(few, accumulated, options) -> None:
    history = fit(replace(accumulated, epochs=1, **options), source=few).history
    assert 0 < history[0].train_loss < 10


def test_a_run_is_not_resumed_with_another_number_of_batches(few, accumulated, tmp_path) -> None:
    from batchnorm.runs import RunFolder, write_config

    fit(accumulated, out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), accumulate=1, batch_size=64)
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"was started with other options: batch_size, accumulate\. Put them back"):
        resume(tmp_path, source=few)
