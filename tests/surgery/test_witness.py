"""What a witness notices of a changed model, and what it leaves as it was."""

import copy

import pytest
import torch
from torch import nn

from batchnorm.calls import Call
from batchnorm.surgery._witness import Look, Witness
from batchnorm.transaction import rng_state

from .test_interrupts import picture

X = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """A linear layer and a norm, in front of which the gradient can be lost."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
        self.loses_gradient = False

    def forward(self, x):
        y = self.linear(x)
        return self.norm(y.detach() if self.loses_gradient else y)


def witness(model, **look):
    found = Witness([Call((X,), {})], rng_state(set()), Look(**look))
    found.remember(model)
    return found


def lose_gradient(model):
    model.loses_gradient = True


def move_faster(model):
    model.norm.momentum = 0.5


def stand_still(model):
    model.norm.eval()
    model.norm.train = lambda mode=True: model.norm


CHANGES = {
    "a gradient that is lost": (lose_gradient, {"gradients": True}, {}),
    "statistics that move faster": (move_faster, {"training": True, "buffers": True}, {"training": True}),
    "a norm that stays in evaluation": (stand_still, {"training": True}, {}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_witness_notices_a_change_if_it_looks_there(change):
    make, look, _ = CHANGES[change]
    model = Net().eval()
    seen = witness(model, **look)
    assert seen.distance(model) == 0.0
    make(model)
    assert seen.distance(model) > 0.0


@pytest.mark.parametrize("change", CHANGES)
def test_and_does_not_if_it_looks_elsewhere(change):
    make, _, look = CHANGES[change]
    model = Net().eval()
    seen = witness(model, **look)
    make(model)
    assert seen.distance(model) == 0.0


def test_looking_at_everything_leaves_a_model_as_it_was():
    model = Net().eval()
    model.linear.weight.grad = torch.ones(2, 2)
    before = picture(model)
    witness(model, training=True, gradients=True, buffers=True).distance(model)
    assert picture(model) == before
    assert torch.equal(model.linear.weight.grad, torch.ones(2, 2))


def test_gradients_are_compared_of_inputs_too():
    model = nn.Sequential(nn.Linear(2, 2)).requires_grad_(False)
    seen = witness(model, gradients=True)
    other = copy.deepcopy(model)
    other.register_forward_pre_hook(lambda module, args: (args[0].detach(),))
    assert seen.distance(other) == float("inf")


def test_a_change_far_from_the_output_is_measured_in_its_own_units():
    """The distance of outputs that differ by half of the largest is a half."""
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
    seen = witness(model)
    with torch.no_grad():
        model.weight.fill_(1.5)
    assert seen.distance(model) == pytest.approx(0.5)
