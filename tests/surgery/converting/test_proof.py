"""What example_inputs prove, and what becomes of a norm that makes a difference."""

import pytest
import torch
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert

from .odd_norms import Net, X


class LooksAtTheClass(nn.Module):
    """Another number where its second norm is of another class; in training alone, if that is said."""

    def __init__(self, *, only_in_training=False):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(3) for _ in range(3))
        self.only_in_training = only_in_training

    def forward(self, x):
        for norm in self.norms:
            x = norm(x)
        return x + (type(self.norms[1]) is not nn.BatchNorm2d and (self.training or not self.only_in_training))


class Hides(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class LooksInItsGradient(LooksAtTheClass):
    def forward(self, x):
        for norm in self.norms:
            x = norm(x)
        return x if type(self.norms[1]) is nn.BatchNorm2d else Hides.apply(x)


class LooksInItsBuffers(LooksAtTheClass):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += type(self.norms[1]) is not nn.BatchNorm2d
        for norm in self.norms:
            x = norm(x)
        return x


def test_a_conversion_is_proved_in_both_modes():
    report = convert(Net(), example_inputs=X.float())
    assert report.proof.modes == ("evaluation", "training")
    assert report.proof.inputs == 2
    assert report.proof.error_float64 < 1e-9
    assert report.proof.error < 1e-4
    assert report.named("converted") == ("norm", "blocks.1", "last", "cube")


@pytest.mark.parametrize(
    "make",
    [LooksAtTheClass, lambda: LooksAtTheClass(only_in_training=True), LooksInItsGradient, LooksInItsBuffers],
    ids=["outputs", "outputs in training", "gradients", "buffers"],
)
def test_a_norm_that_makes_a_difference_is_put_back(make):
    model = make()
    report = convert(model, example_inputs=X.float())
    assert report.named("left") == ("norms.1",)
    assert [type(norm) for norm in model.norms] == [ours.BatchNorm2d, nn.BatchNorm2d, ours.BatchNorm2d]
    assert "it was put back" in report.norms[1].reason


@pytest.mark.parametrize("to", [("ghost", {"size": 2}), ("frozen", {}), (None, {"moments": "renorm"})], ids=str)
def test_where_training_is_to_differ_evaluation_is_proved(to):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    report = convert(model, to[0], example_inputs=X.float(), **to[1])
    assert report.proof.modes == ("evaluation",)
    assert report.named("converted") == ("1",)


def test_a_model_that_cannot_train_on_the_example_is_proved_in_evaluation_and_says_so():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3 * 25))
    report = convert(model, example_inputs=X[:1].float())
    assert report.proof.modes == ("evaluation",)
    assert "not compared in training" in report.notes[0]


def test_the_proof_leaves_nothing_behind():
    model, state = Net(), torch.get_rng_state()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    modes = [one.training for one in model.modules()]
    convert(model, example_inputs=X.float())
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert [one.training for one in model.modules()] == modes
    assert all(one.grad is None for one in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_without_examples_there_is_no_proof():
    assert convert(Net()).proof is None
