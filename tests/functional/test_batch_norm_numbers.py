"""Outputs, buffers and gradients of both routes, against float64 NumPy and against torch's error."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm

from .batch_norm_cases import errors, make_case, run
from .batch_norm_oracle import batch_norm_oracle

SHAPES = [(16, 5), (8, 3, 7), (4, 3, 6, 5), (3, 2, 4, 3, 5)]
MODES = {"training": (True, True), "untracked": (True, False), "evaluation": (False, True)}
AFFINE = {"both": (True, True), "weight": (True, False), "bias": (False, True), "none": (False,) * 2}
BOUND = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("affine", AFFINE)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_native_errs_no_more_and_composed_at_most_twice_as_much_as_torch(shape, mode, affine, dtype, route, seed):
    """Twice torch's error, or twice 4 roundings (eps of the largest value; 8 for dweight) if that is more."""
    training, tracked = MODES[mode]
    weight, bias = AFFINE[affine]
    arguments, dy = make_case(shape, dtype=dtype, tracked=tracked, weight=weight, bias=bias, seed=seed)
    expected = batch_norm_oracle(*arguments, dy, training=training)
    ours = errors(run(batch_norm, arguments, dy, training=training, route=route), expected)
    torchs = errors(run(F.batch_norm, arguments, dy, training=training), expected)
    # In sums of this few values torch's error can be 0 by luck: a few roundings are granted, and the
    # most to dweight, whose sum is of products that cancel. Over 40 seeds this is what it takes.
    eps = torch.finfo(dtype).eps
    granted = {k: 2 * max(v, (8 if k == "dweight" else 4) * eps) for k, v in torchs.items()}
    bounds = torchs if route == "native" else granted
    assert set(ours) == set(torchs)
    assert {k: v for k, v in ours.items() if v > BOUND[dtype]} == {}
    assert {k: (v, bounds[k]) for k, v in ours.items() if v > bounds[k]} == {}


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("training", [True, False])
def test_errors_over_many_values_are_at_most_twice_torchs(training, route):
    arguments, dy = make_case((32, 8, 28, 28), dtype=torch.float32)
    expected = batch_norm_oracle(*arguments, dy, training=training)
    ours = errors(run(batch_norm, arguments, dy, training=training, route=route), expected)
    torchs = errors(run(F.batch_norm, arguments, dy, training=training), expected)
    one = torch.finfo(torch.float32).eps
    assert {k: (v, torchs[k]) for k, v in ours.items() if v > 2 * max(torchs[k], one)} == {}


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("parameters", ["float32", "own"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_types_err_at_most_twice_as_much_as_torch(dtype, parameters, training, route, refused_if):
    with refused_if(
        route == "fused" and dtype is torch.float16, "needs x of float32, float64 or bfloat16, got torch.float16"
    ):
        parameters = torch.float32 if parameters == "float32" else dtype
        arguments, dy = make_case((6, 4, 5, 5), dtype=dtype, parameters=parameters)
        expected = batch_norm_oracle(*arguments, dy, training=training)
        ours = errors(run(batch_norm, arguments, dy, training=training, route=route), expected)
        torchs = errors(run(F.batch_norm, arguments, dy, training=training), expected)
        one = torch.finfo(dtype).eps
        assert {k: (v, torchs[k]) for k, v in ours.items() if v > 2 * max(torchs[k], one)} == {}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("parameters", ["float32", "own"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_composed_half_outputs_are_rounded_once_at_the_end(dtype, parameters, training):
    parameters = torch.float32 if parameters == "float32" else dtype
    arguments, dy = make_case((6, 4, 5, 5), dtype=dtype, parameters=parameters)
    expected = batch_norm_oracle(*arguments, dy, training=training).y
    found = batch_norm(*arguments, training=training, route="composed").double().numpy()
    half_a_step = torch.finfo(dtype).eps / 2
    np.testing.assert_allclose(found, expected, rtol=1.01 * half_a_step, atol=1e-5)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize(
    ("dtype", "parameters"),
    [(d, p) for d, p in product([torch.bfloat16, torch.float16], ["own", "float32"])],
    ids=str,
)
def test_the_output_has_the_dtype_of_x(dtype, parameters, route, refused_if):
    with refused_if(
        route == "fused" and dtype is torch.float16, "needs x of float32, float64 or bfloat16, got torch.float16"
    ):
        parameters = torch.float32 if parameters == "float32" else dtype
        arguments, _ = make_case((6, 4), dtype=dtype, parameters=parameters)
        assert batch_norm(*arguments, training=True, route=route).dtype is dtype


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("momentum", [0, 0.0, 0.1, 0.9, 1, 1.0])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_momentum_is_the_weight_of_the_new_batch(momentum, as_tensor, route):
    arguments, dy = make_case((6, 4, 5), dtype=torch.float64)
    expected = batch_norm_oracle(*arguments, dy, training=True, momentum=momentum)
    given = torch.tensor(momentum, dtype=torch.float64) if as_tensor else momentum
    found = run(batch_norm, arguments, dy, training=True, momentum=given, route=route)
    worst = max(errors(found, expected).values())
    assert worst <= 1e-12


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_running_var_stores_the_unbiased_variance(route):
    mean, var = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    x = torch.tensor([[0.0], [2.0], [4.0]], dtype=torch.float64)
    batch_norm(x, mean, var, training=True, momentum=1.0, route=route)
    assert var.item() == pytest.approx(4.0, abs=1e-12)  # 8 / 2, not 8 / 3


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_momentum_zero_keeps_the_statistics_from_an_infinite_batch(route, as_tensor):
    mean, var = torch.full((3,), 0.5), torch.full((3,), 2.0)
    momentum = torch.tensor(0.0) if as_tensor else 0.0
    x = torch.full((4, 3), float("inf"))
    batch_norm(x, mean, var, training=True, momentum=momentum, route=route)
    torch.testing.assert_close((mean, var), (torch.full((3,), 0.5), torch.full((3,), 2.0)))


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_half_buffers_are_moved_without_an_error_of_more_than_two_roundings(route):
    arguments, dy = make_case((64, 4), dtype=torch.bfloat16)
    expected = batch_norm_oracle(*arguments, dy, training=True, momentum=0.25)
    momentum = torch.tensor(0.25)
    found = run(batch_norm, arguments, dy, training=True, momentum=momentum, route=route)
    error = errors(found, expected)
    eps = torch.finfo(torch.bfloat16).eps
    assert (error["running_mean"] <= eps, error["running_var"] <= eps) == (True, True)
