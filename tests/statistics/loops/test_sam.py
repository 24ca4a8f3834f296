"""SAM: two forwards a step, the second with weights that nobody keeps. The statistics are to see the first alone."""

from contextlib import nullcontext
from functools import cache

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from batchnorm.statistics import no_statistics_update

from .oracle import distance, expected, norms, state_of

STEPS = 4


def train(model: nn.Module, batches, second=nullcontext, rho: float = 0.5, lr: float = 0.1) -> None:
    """Foret et al., 2020: the gradient at the weights a step of length rho uphill, used at the weights below."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for x, labels in batches:
        cross_entropy(model(x), labels).backward()
        steps = uphill(model, rho)
        optimizer.zero_grad()
        with second(model):
            cross_entropy(model(x), labels).backward()
        with torch.no_grad():
            for parameter, step in steps:
                parameter.sub_(step)
        optimizer.step()
        optimizer.zero_grad()


def uphill(model: nn.Module, rho: float) -> list[tuple[nn.Parameter, torch.Tensor]]:
    length = sum(p.grad.square().sum() for p in model.parameters()).sqrt()
    steps = [(p, rho / length * p.grad) for p in model.parameters()]
    with torch.no_grad():
        for parameter, step in steps:
            parameter.add_(step)
    return steps


@cache
def run(kind, second=nullcontext):
    """The trained model, and its twin, whose norms have written down two calls a step."""
    model = kind.classifier()
    twin = kind.twin(model)
    batches = kind.batches(STEPS)
    train(twin, batches)
    train(model, batches, second)
    return model, twin


def firsts(calls):
    assert len(calls) == 2 * STEPS
    return calls[::2]


def test_the_statistics_are_those_of_the_first_forwards(kind):
    model, twin = run(kind, no_statistics_update)
    assert distance(model, expected(twin, firsts)) < 1e-12


def test_without_help_they_are_those_of_both(kind):
    model, twin = run(kind)
    assert distance(model, expected(twin, list)) < 1e-12
    assert distance(model, expected(twin, firsts)) == float("inf")  # the counter is twice what it should be


def test_without_help_the_statistics_are_off_by_more_than_a_tenth(kind):
    model, twin = run(kind)
    for norm, right in zip(norms(model), expected(twin, firsts), strict=True):
        found = state_of(norm)
        assert (abs(found.mean - right.mean) / right.var**0.5).max() > 0.1


def test_the_weights_are_the_same_with_help_and_without(kind):
    helped, plain = run(kind, no_statistics_update)[0], run(kind)[0]
    assert all(torch.equal(p, q) for p, q in zip(helped.parameters(), plain.parameters(), strict=True))


def test_a_second_forward_that_fails_leaves_a_model_that_moves_its_statistics(kind):
    model = kind.classifier()
    x = kind.images(1)[0]
    with pytest.raises(RuntimeError, match=r"shape|size|channels"), no_statistics_update(model):
        model(x[:, :1])
    twin = kind.twin(model)
    model(x), twin(x)
    assert distance(model, expected(twin, list)) < 1e-12


def test_the_weights_are_those_of_a_loop_by_hand(kind):
    model, twin = run(kind, no_statistics_update)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-12)


def test_a_switch_by_momentum_sticks_when_it_is_used_twice_and_counts_all_the_same():
    """The usual mend by hand: `off` keeps the momentum and sets it to 0, `on` gives it back."""
    norm = nn.BatchNorm1d(2)

    def off():
        norm.kept, norm.momentum = norm.momentum, 0.0

    def on():
        norm.momentum = norm.kept

    for switch in (off, off, on):
        switch()
        norm(3 + torch.randn(8, 2))
    assert norm.running_mean.tolist() == [0, 0]
    assert norm.num_batches_tracked == 3
