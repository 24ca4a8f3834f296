"""Nets of others, in each loop: timm's and torchvision's, with their own switches for checkpointing."""

import copy

import pytest
import torch
from torch import Tensor, nn

from batchnorm.statistics import (
    accumulate_statistics,
    checkpoint_safe,
    no_statistics_update,
    skip_nonfinite,
)

from .nets import shaken
from .oracle import distance, moments, moved, norms, state_of, together


def images(seed: int) -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def densenet(peers) -> nn.Module:
    net = peers.load("torchvision").models.DenseNet
    return net(growth_rate=4, block_config=(2, 2), num_init_features=8, bn_size=2, num_classes=4, memory_efficient=True)


def resnet(peers) -> nn.Module:
    net = peers.load("timm").create_model("test_resnet", num_classes=4)
    net.set_grad_checkpointing(True)
    return net


def efficientnet(peers) -> nn.Module:
    net = peers.load("timm").create_model("test_efficientnet", num_classes=4, drop_rate=0.0, drop_path_rate=0.0)
    net.set_grad_checkpointing(True)
    return net


NETS = {make.__name__: make for make in (densenet, resnet, efficientnet)}


@pytest.fixture(params=NETS)
def model(request, peers):
    torch.manual_seed(0)
    return shaken(NETS[request.param](peers)).double().train()


def seen_by(model: nn.Module, *batches: Tensor) -> list[list]:
    """The moments of what each norm is given in forwards without gradients, in which nothing is checkpointed."""
    twin = copy.deepcopy(model)
    seen = [[] for _ in norms(twin)]
    for norm, calls in zip(norms(twin), seen, strict=True):
        norm.register_forward_pre_hook(lambda _, args, calls=calls: calls.append(moments(args[0])))
    with torch.no_grad():
        for x in batches:
            twin(x)
    return seen


def right(model: nn.Module, *batches: Tensor, choice=list) -> list:
    """What each norm must hold after these batches; `choice` says which updates there are."""
    calls = seen_by(model, *batches)
    return [moved(state_of(norm), choice(seen)) for norm, seen in zip(norms(model), calls, strict=True)]


def step(model: nn.Module, x: Tensor) -> None:
    model(x.requires_grad_()).square().sum().backward()


def test_without_help_some_norms_move_twice(model):
    expected = right(model, images(0))
    step(model, images(0))
    assert distance(model, expected) == float("inf")


def test_statistics_move_once_where_that_is_safe(model):
    checkpoint_safe(model)
    expected = right(model, images(0))
    step(model, images(0))
    assert distance(model, expected) < 1e-9


def test_they_move_once_a_window(model):
    checkpoint_safe(model)
    expected = right(model, images(0), images(1), choice=lambda calls: [together(calls)])
    with accumulate_statistics(model, 2):
        step(model, images(0))
        step(model, images(1))
    assert distance(model, expected) < 1e-9


def test_a_forward_that_does_not_count_and_one_that_overflows_leave_no_trace(model):
    checkpoint_safe(model)
    expected = right(model)
    with no_statistics_update(model):
        step(model, images(0))
    with skip_nonfinite(model), torch.no_grad():
        model(images(0) * float("inf"))
    assert distance(model, expected) < 1e-12
