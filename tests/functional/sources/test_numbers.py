"""Outputs, gradients and running statistics of each source of moments, against its formula in float64."""

import numpy as np
import pytest
import torch

from batchnorm.functional import ROUTES, batch_norm

from ..batch_norm_cases import errors, make_case, run
from .oracle import READING, TRAINING, expected

SHAPES = [(9, 4), (5, 3, 7), (7, 3, 4, 5), (3, 2, 2, 3, 4)]
WAYS = ["auto", *ROUTES]
FAR_ON = torch.tensor(4)
"""A counter of updates in the midst of a warm-up of 10."""


def check(text, shape, *, tracked=True, training=True, weight=True, bias=True, route="auto", momentum=0.1):
    arguments, dy = make_case(shape, dtype=torch.float64, tracked=tracked, weight=weight, bias=bias)
    options = {"training": training, "momentum": momentum}
    found = run(batch_norm, arguments, dy, **options, route=route, moments=text, num_batches_tracked=FAR_ON)
    wanted = expected(text, arguments, dy, **options, tracked=4)
    assert found.keys() == {name for name, value in vars(wanted).items() if value is not None}
    assert {name: error for name, error in errors(found, wanted).items() if not error < 1e-11} == {}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("route", WAYS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("text", TRAINING)
def test_outputs_gradients_and_statistics_are_the_formulas(text, training, route, shape):
    check(text, shape, training=training, route=route)


@pytest.mark.parametrize("text", [text for text in TRAINING if text not in READING])
def test_without_running_statistics_only_they_are_missing(text):
    check(text, (9, 4, 3), tracked=False)


@pytest.mark.parametrize(("weight", "bias"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("text", TRAINING)
def test_weight_and_bias_may_each_be_missing(text, training, weight, bias):
    check(text, (9, 4, 3), training=training, weight=weight, bias=bias)


@pytest.mark.parametrize("momentum", [0, 0.0, 1, np.float32(0.25), torch.tensor(0.25), torch.tensor(0.0)], ids=repr)
@pytest.mark.parametrize("text", TRAINING)
def test_any_momentum_is_the_weight_of_the_new_batch(text, momentum):
    check(text, (9, 4, 3), momentum=momentum)


@pytest.mark.parametrize("infinite", [float("inf"), float("nan")])
@pytest.mark.parametrize("momentum", [0, torch.tensor(0.0, dtype=torch.float64)], ids=repr)
@pytest.mark.parametrize("text", TRAINING)
def test_momentum_0_keeps_what_is_not_finite_from_the_statistics(text, momentum, infinite):
    (x, mean, var, weight, bias), _ = make_case((9, 4), dtype=torch.float64)
    x[0, 0] = infinite
    before = mean.clone(), var.clone()
    batch_norm(x, mean, var, weight, bias, True, momentum, moments=text, num_batches_tracked=FAR_ON)
    torch.testing.assert_close((mean, var), before, rtol=0, atol=0)


@pytest.mark.parametrize("text", ["renorm:2,1,10", "renorm:inf,inf,10"])
@pytest.mark.parametrize("tracked", [0, 1, 5, 10, 11, 10**9])
def test_the_limits_of_renorm_widen_with_the_counter(text, tracked):
    arguments, dy = make_case((9, 4, 3), dtype=torch.float64)
    found = run(batch_norm, arguments, dy, training=True, moments=text, num_batches_tracked=torch.tensor(tracked))
    wanted = expected(text, arguments, dy, training=True, tracked=tracked)
    assert max(errors(found, wanted).values()) < 1e-11


def test_renorm_before_its_first_update_is_batch_norm():
    arguments, dy = make_case((9, 4, 3), dtype=torch.float64)
    found = run(batch_norm, arguments, dy, training=True, moments="renorm", num_batches_tracked=torch.tensor(0))
    torch.testing.assert_close(found, run(batch_norm, arguments, dy, training=True, route="composed"))


def test_the_counter_is_read_and_not_moved():
    (x, mean, var, *_), _ = make_case((9, 4), dtype=torch.float64)
    counter = torch.tensor(4)
    batch_norm(x, mean, var, training=True, moments="renorm", num_batches_tracked=counter)
    assert counter.item() == 4


def test_the_gradient_of_renorm_is_that_of_the_statistics_before_the_update():
    """A backward that read the buffers themselves would find them moved."""
    arguments, dy = make_case((9, 4, 3), dtype=torch.float64)
    found = run(batch_norm, arguments, dy, training=True, momentum=1.0, moments="renorm:9,9,0")
    others = [arguments[0], arguments[1].clone(), arguments[2].clone(), *arguments[3:]]
    still = run(batch_norm, others, dy, training=True, momentum=0.0, moments="renorm:9,9,0")
    np.testing.assert_allclose(found["dx"], still["dx"], rtol=1e-12)


@pytest.mark.parametrize("route", ["composed", "native"])
@pytest.mark.parametrize("text", TRAINING)
def test_float32_far_from_0_keeps_the_variance(text, route):
    """E[x**2] - E[x]**2 would be off by 6 here; the bound is the rounding of a mean of 10,000."""
    (x, *_), dy = make_case((64, 4, 5), dtype=torch.float64)
    x = (x - x.mean((0, 2), keepdim=True)) / x.std((0, 2), keepdim=True) + 1e4
    arguments = [x.float(), torch.full((4,), 1e4), torch.ones(4), None, None]
    wanted = expected(text, arguments, dy, training=True, tracked=4)
    options = {"training": True, "num_batches_tracked": FAR_ON, "route": route, "moments": text}
    found = errors(run(batch_norm, arguments, dy.float(), **options), wanted)
    assert {name: error for name, error in found.items() if error > 1e-3} == {}
