"""Do the contexts know norms whose class is somebody's own?"""

import pytest
import torch
from torch import nn

from batchnorm.statistics import (
    accumulate_statistics,
    blended_statistics,
    no_statistics_update,
    skip_nonfinite,
)

from .nets import images, same, state, traces


class Counting(nn.BatchNorm2d):
    """With a buffer and a number of its own, which each batch in training moves."""

    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("largest", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.largest = torch.maximum(self.largest, x.detach().abs().max())
        return super().forward(x)


class Replacing(nn.Module):
    """Puts new tensors in the place of its buffers, and has no counter."""

    def __init__(self, channels, momentum=0.1):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.momentum, self.eps = momentum, 1e-5

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean.detach()
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var.detach()
        shape = (1, -1, 1, 1)
        return (x - mean.view(shape)) / (var.view(shape) + self.eps).sqrt()


class Decaying(nn.BatchNorm2d):
    """With the momentum of the other meaning, and written in place."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        with torch.no_grad():
            self.running_mean.mul_(1 - self.momentum).add_(mean, alpha=self.momentum)
            self.running_var.mul_(1 - self.momentum).add_(var, alpha=self.momentum)
        shape = (1, -1, 1, 1)
        return (x - mean.view(shape)) / (var.view(shape) + self.eps).sqrt()


class Uncounted(nn.BatchNorm2d):
    """Of torch, whose counter somebody has taken away, as old checkpoints have it."""

    def __init__(self, channels):
        super().__init__(channels)
        self.num_batches_tracked = None


OWN = {kind.__name__: kind for kind in (Counting, Replacing, Decaying, Uncounted)}


@pytest.fixture(params=OWN)
def make(request):
    return OWN[request.param]


def model_of(make):
    torch.manual_seed(0)
    return nn.Sequential(make(1), nn.Conv2d(1, 2, 3), make(2))


def test_nothing_moves_without_update(make):
    model = model_of(make)
    before = state(model)
    with no_statistics_update(model):
        model(images()).sum().backward()
    assert same(model, before)


def test_it_moves_as_ever_behind_the_block(make):
    model, plain = model_of(make), model_of(make)
    before = None if make in (Counting, Replacing) else traces(model)  # which replace their buffers by themselves
    with no_statistics_update(model):
        model(images())
    assert before is None or traces(model) == before
    model(images(1)), plain(images(1))
    assert same(model, state(plain))


def test_what_is_not_finite_is_skipped(make):
    model, plain = model_of(make), model_of(make)
    with skip_nonfinite(model):
        model(images())
        model(images() / 0)
        model(images(1))
    plain(images())
    plain(images(1))
    assert same(model, state(plain))


def test_the_outputs_are_its_own(make):
    model, plain = model_of(make), model_of(make)
    expected = plain(images())
    for block in (no_statistics_update, skip_nonfinite):
        with block(model):
            assert torch.equal(model(images()), expected)


def test_a_window_is_right_or_refused_by_name(make):
    model = model_of(make)
    before = state(model)
    if make is Uncounted:
        right = nn.BatchNorm2d(1)
        with accumulate_statistics(model, 2):
            model(images()), model(images(1))
        right(torch.cat([images(), images(1)]))
        torch.testing.assert_close(model[0].running_mean, right.running_mean)
        torch.testing.assert_close(model[0].running_var, right.running_var)
        return
    with (
        pytest.raises((RuntimeError, ValueError), match=rf"0 \({make.__name__}\)"),
        accumulate_statistics(model, 2),
    ):
        pass
    assert same(model, before)


def test_a_blend_is_right_or_refused_by_name(make):
    """By the formula, for the first norm alone."""
    model, x = make(1).eval(), images()
    var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
    blended = 0.7 * 1 + 0.3 * var + 0.21 * mean.square()
    right = (x - 0.3 * mean) / (blended + model.eps).sqrt()
    before = state(model)
    try:
        with blended_statistics(model, 0.3):
            found = model(x)
    except (RuntimeError, ValueError) as error:
        assert make.__name__ in str(error)  # noqa: PT017  # either is right
    else:
        torch.testing.assert_close(found, right)
    assert same(model, before)
