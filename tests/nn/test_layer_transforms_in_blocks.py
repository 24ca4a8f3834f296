"""A transform of torch.func, from whose outside no statistics can be moved, takes a layer that is not to move them."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

import batchnorm.nn as bn
from batchnorm.statistics import no_statistics_update, skip_nonfinite

X = 1 + 2 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def net(moments="batch"):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), bn.BatchNorm1d(3, moments=moments), nn.Tanh()).double()


def loss(model, weight, x=X):
    return functional_call(model, {"0.weight": weight}, (x,)).square().sum()


@pytest.mark.parametrize("moments", ["batch", "ghost:3", "renorm"])
def test_a_gradient_is_that_of_a_backward_and_nothing_moves(moments):
    model = net(moments)
    before = [buffer.clone() for buffer in model.buffers()]
    with no_statistics_update(model):
        found = grad(lambda weight: loss(model, weight))(model[0].weight.detach())
        loss(model, model[0].weight).backward()
    torch.testing.assert_close(found, model[0].weight.grad)
    assert all(map(torch.equal, model.buffers(), before))


def test_batches_side_by_side_give_what_they_give_one_by_one():
    model, batches = net(), torch.stack([X, 3 * X + 1])
    with no_statistics_update(model):
        found = vmap(model)(batches)
        expected = torch.stack([model(batch) for batch in batches])
    torch.testing.assert_close(found, expected)


def test_a_block_that_would_move_them_is_refused_as_without_it():
    model = net()
    before = [buffer.clone() for buffer in model.buffers()]
    with pytest.raises(RuntimeError, match="num_batches_tracked came from outside of it"), skip_nonfinite(model):
        grad(lambda weight: loss(model, weight))(model[0].weight.detach())
    assert all(map(torch.equal, model.buffers(), before))


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, bn.BatchNorm1d])
@pytest.mark.parametrize("block", [no_statistics_update, skip_nonfinite])
def test_ensembles_move_the_statistics_that_they_are_given_as_without_a_block_or_not_at_all(norm, block):
    nets = [nn.Sequential(nn.Linear(3, 3), norm(3)).double() for _ in range(2)]
    parameters, buffers = stack_module_state(nets)
    before = {name: value.clone() for name, value in buffers.items()}

    def forward(p, b):
        return functional_call(nets[0], (p, b), (X,))

    with block(nets[0]):
        found = vmap(forward)(parameters, buffers)
    expected = torch.stack([one(X) for one in nets])
    torch.testing.assert_close(found, expected)
    moved = before if block is no_statistics_update else stack_module_state(nets)[1]
    torch.testing.assert_close(buffers, moved)
