"""Norms of torchvision and timm that are constants by their class: no context changes what they compute, or fails."""

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.statistics import accumulate_statistics, freeze

from .nets import CONTEXTS, images, net, same, state


@pytest.fixture(params=["torchvision", "timm"])
def constant(request, peers):
    peers.load(request.param)
    if request.param == "timm":
        from timm.layers.norm_act import FrozenBatchNormAct2d

        return FrozenBatchNormAct2d
    from torchvision.ops.misc import FrozenBatchNorm2d

    return FrozenBatchNorm2d


@pytest.mark.parametrize("name", [name for name in CONTEXTS if name != "accumulate"])
def test_a_context_leaves_a_model_of_constants_alone(name, constant):
    model, x = net(constant), images()
    before, expected = state(model), model(x)
    with CONTEXTS[name](model):
        torch.testing.assert_close(model(x), expected, rtol=0, atol=0)
    assert same(model, before)


def test_a_window_takes_the_norms_that_move_and_leaves_constants_alone(constant):
    model, x = nn.Sequential(net(constant), nn.BatchNorm2d(2)), images()
    before, expected = state(model[0]), model[0](x)
    with accumulate_statistics(model, 2):
        torch.testing.assert_close(model[0](x), expected, rtol=0, atol=0)
        model(x), model(x)
    assert same(model[0], before)
    assert model[1].num_batches_tracked == 1


def test_a_window_over_constants_alone_is_refused(constant):
    model = net(constant)
    with pytest.raises(InputError, match="only constants, such as 1"), accumulate_statistics(model, 2):
        pass


class Stubborn(nn.Module):
    """Moves its statistics by a weight that nobody can see."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        if self.training:
            var, mean = torch.var_mean(x.detach(), (0, 2, 3))
            self.running_mean.lerp_(mean, 0.3)
            self.running_var.lerp_(var, 0.3)
        shift, scale = self.running_mean.view(-1, 1, 1), self.running_var.view(-1, 1, 1).rsqrt()
        return (x - shift.clone()) * scale


@pytest.mark.parametrize("name", ["no update", "skip"])
def test_a_class_without_a_momentum_is_one_like_others(name):
    model, plain = net(Stubborn), net(Stubborn)
    before = state(model)
    with CONTEXTS[name](model):
        model(images())
    plain(images())
    assert same(model, before if name == "no update" else state(plain))


def test_a_window_passes_a_frozen_norm_of_a_class_of_its_own():
    model = nn.Sequential(net(Stubborn), nn.BatchNorm2d(2))
    freeze(model[0])
    before = state(model[0])
    with accumulate_statistics(model, 1):
        model(images())
    assert same(model[0], before)
    assert model[1].num_batches_tracked == 1
