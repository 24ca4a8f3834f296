import math

import pytest
import torch
from torch import nn

from batchnorm.models import ConvBNNet
from batchnorm.runs import TrainConfig
from batchnorm.training._optimizer import (
    make_average,
    make_optimizer,
    make_scheduler,
    parameter_groups,
)


def rates(steps: int, **options: object) -> list[float]:
    net = nn.Linear(2, 2)
    config = TrainConfig(lr=0.5, **options)
    optimizer = make_optimizer(net, config)
    scheduler = make_scheduler(optimizer, config, steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_only_matrices_and_kernels_decay_by_default() -> None:
    net = ConvBNNet()
    decays, spared = parameter_groups(net, 0.1, decay_all=False)
    assert [p.shape for p in decays["params"]] == [
        net.conv1.weight.shape,
        net.conv2.weight.shape,
        net.fc.weight.shape,
    ]
    assert (decays["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert len(spared["params"]) == 7


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 4), nn.LayerNorm(4), nn.RMSNorm(4), nn.BatchNorm1d(4)])
def test_no_norm_of_any_kind_decays(norm: nn.Module) -> None:
    decays, _ = parameter_groups(norm, 0.1, decay_all=False)
    assert decays["params"] == []


def test_everything_decays_when_asked() -> None:
    decays, spared = parameter_groups(ConvBNNet(), 0.1, decay_all=True)
    assert len(decays["params"]) == 10
    assert spared["params"] == []


def test_a_frozen_parameter_is_in_no_group() -> None:
    net = nn.Linear(2, 2)
    net.bias.requires_grad_(requires_grad=False)
    decays, spared = parameter_groups(net, 0.1, decay_all=False)
    assert [len(decays["params"]), len(spared["params"])] == [1, 0]


def test_one_cycle_is_a_triangle_with_its_peak_after_the_warmup() -> None:
    seen = rates(10, schedule="one-cycle", warmup=0.2)
    expected = [0.5 / 25, (0.5 / 25 + 0.5) / 2] + [0.5 * (1 - k / 8 * (1 - 1e-4)) for k in range(8)]
    assert seen == pytest.approx(expected, rel=1e-6)


def test_cosine_falls_on_half_a_cosine_after_the_warmup() -> None:
    seen = rates(10, schedule="cosine", warmup=0.2)
    expected = [0.5 / 25, (0.5 / 25 + 0.5) / 2] + [0.25 * (1 + math.cos(math.pi * k / 8)) for k in range(8)]
    assert seen == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.5, 0.99])
def test_the_shortest_trainings_have_a_positive_rate_in_every_step(schedule: str, steps: int, warmup: float) -> None:
    assert all(0 < rate <= 0.5 for rate in rates(steps, schedule=schedule, warmup=warmup))


def test_the_options_reach_the_rule() -> None:
    sgd = make_optimizer(nn.Linear(2, 2), TrainConfig(momentum=0.8)).param_groups[0]
    adamw = make_optimizer(nn.Linear(2, 2), TrainConfig(optimizer="adamw", momentum=0.8)).param_groups[0]
    assert (sgd["momentum"], sgd["nesterov"]) == (0.8, True)
    assert adamw["betas"] == (0.8, 0.999)


def test_sgd_without_momentum_is_plain() -> None:
    assert not make_optimizer(nn.Linear(2, 2), TrainConfig(momentum=0.0)).param_groups[0]["nesterov"]


def test_the_average_follows_its_formula_buffers_included() -> None:
    torch.manual_seed(0)
    net = nn.BatchNorm1d(3).double()
    average = make_average(net, 0.35)
    expected = None
    for n in range(12):
        net(torch.randn(8, 3, dtype=torch.double))
        with torch.no_grad():
            net.weight.add_(torch.randn(3))
        now = torch.stack([net.weight.detach(), net.running_mean, net.running_var])
        d = min(0.35, (1 + n) / (10 + n))  # rises up to n = 3
        expected = now.clone() if expected is None else d * expected + (1 - d) * now
        average.update_parameters(net)
    held = average.module
    torch.testing.assert_close(torch.stack([held.weight, held.running_mean, held.running_var]), expected)


def test_the_average_copies_counters() -> None:
    net = nn.BatchNorm1d(3)
    average = make_average(net, 0.999)
    for _ in range(25):
        net(torch.randn(8, 3))
        average.update_parameters(net)
    assert average.module.num_batches_tracked == 25


def test_no_average_is_kept_unless_asked() -> None:
    assert make_average(nn.Linear(1, 1), 0.0) is None
