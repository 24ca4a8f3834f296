"""Mixed precision: one batch overflows float16, the scaler skips the step, and the statistics must skip it, too."""

import copy
from contextlib import nullcontext
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from batchnorm.statistics import skip_nonfinite

from .oracle import moments, moved, norms, state_of

BAD = 2
STEPS = 5


def train(model: nn.Module, batches, guarded=nullcontext) -> list[bool]:
    """torch's recipe, in float16; whether each step was taken."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    taken = []
    with guarded(model):
        for x, labels in batches:
            before = scaler.get_scale()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = cross_entropy(model(x).float(), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            taken.append(scaler.get_scale() >= before)
    return taken


def data(kind, bad: float = 1e6):
    """Batches in float32, one of which is too large for float16 behind the first convolution."""
    batches = [(x.float(), labels) for x, labels in kind.batches(STEPS)]
    batches[BAD] = (bad * batches[BAD][0], batches[BAD][1])
    return batches


@cache
def run(kind, guarded=nullcontext, bad: float = 1e6):
    """The model, whether each step was taken, and what the norms must hold by what they were given."""
    model = kind.classifier().float()
    states, calls = [state_of(norm) for norm in norms(model)], [[] for _ in norms(model)]
    for norm, seen in zip(norms(model), calls, strict=True):
        norm.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(moments(args[0])))
    taken = train(model, data(kind, bad), guarded)
    finite = [[call for call in seen if np.isfinite(call.mean).all()] for seen in calls]
    return model, taken, [moved(state, seen) for state, seen in zip(states, finite, strict=True)]


def test_the_batch_that_overflows_is_not_in_the_statistics(kind):
    model, taken, right = run(kind, skip_nonfinite)
    assert taken == [step != BAD for step in range(STEPS)]
    for norm, state in zip(norms(model), right, strict=True):
        found = state_of(norm)
        np.testing.assert_allclose(found.mean, state.mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.var, state.var, rtol=1e-5)
        assert found.counter == state.counter


def test_without_help_the_weights_recover_and_the_statistics_never_do(kind):
    model, taken, _ = run(kind)
    assert taken == [step != BAD for step in range(STEPS)]
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert not any(norm.running_mean.isfinite().any() for norm in norms(model))


def test_a_model_that_was_helped_evaluates_and_one_that_was_not_gives_nan(kind):
    (x, _), *_ = data(kind)
    assert copy.deepcopy(run(kind, skip_nonfinite)[0]).eval()(x).isfinite().all()
    assert not copy.deepcopy(run(kind)[0]).eval()(x).isfinite().any()


def test_norms_before_the_overflow_move_as_ever(kind):
    """The second convolution's weight overflows float16, where the first norm has seen nothing of it."""
    model = kind.classifier().float()
    with torch.no_grad():
        model[3].weight.fill_(3e4)
    (x, _), *_ = data(kind)
    first, second = norms(model)
    before = state_of(second)
    right = moved(state_of(first), [])
    first.register_forward_pre_hook(lambda _, args: seen.append(moments(args[0])))
    seen = []
    with torch.autocast("cpu", dtype=torch.float16), skip_nonfinite(model):
        model(x)
    np.testing.assert_allclose(state_of(first).mean, moved(right, seen).mean, rtol=1e-5, atol=1e-6)
    assert state_of(first).counter == right.counter + 1
    after = state_of(second)
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_one_such_value_in_one_channel_is_enough(kind, value):
    model = kind.classifier()
    x = kind.images(1)[0]
    x[0, 0].flatten()[0] = value
    before = [state_of(norm) for norm in norms(model)]
    with skip_nonfinite(model):
        model(x)
    for norm, state in zip(norms(model), before, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(state_of(norm), state, strict=True))


def test_without_an_overflow_nothing_differs(kind):
    helped, plain = run(kind, skip_nonfinite, bad=1.0)[0], run(kind, bad=1.0)[0]
    pairs = zip(helped.state_dict().values(), plain.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_an_overflow_of_the_backward_is_not_seen(kind):
    """The limit: the moments were finite, the scaler skips the step, and the statistics have moved."""
    model = kind.classifier().float()
    (x, labels), *_ = data(kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    before = [state_of(norm).counter for norm in norms(model)]
    with skip_nonfinite(model), torch.autocast("cpu", dtype=torch.float16):
        scaler.scale(cross_entropy(model(x).float(), labels)).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() < 2.0**120
    assert [state_of(norm).counter for norm in norms(model)] == [count + 1 for count in before]
