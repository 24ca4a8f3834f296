"""Batch norm with a residual or a max-pool: outputs, buffers and gradients of both routes against float64 NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm_add, batch_norm_pool

from .batch_norm_cases import errors, make_case, run
from .finish_oracle import finish_oracle

ROUTES = ["composed", "native", "fused"]
MODES = {"training": (True, True), "untracked": (True, False), "evaluation": (False, True)}
ACTIVATIONS = ["relu", "silu", None]
BOUND = {torch.float32: 1e-5, torch.float64: 1e-12}
SHAPES = [(16, 5), (8, 3, 7), (4, 3, 6, 5), (3, 2, 4, 3, 5)]
POOLS = [((4, 3, 6, 4), 2), ((3, 2, 5, 7), 2), ((3, 2, 7, 6), 3), ((4, 3, 3, 4), 1), ((6, 2, 4, 4), 4)]
HALF = [torch.bfloat16, torch.float16]


def draw(shape, dtype, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def run_add(arguments, residual, dy, function=batch_norm_add, **options):
    """What `run` finds, and the gradient of the residual."""
    leaf = residual.clone().requires_grad_()
    found = run(lambda x, *others, **given: function(x, leaf, *others, **given), arguments, dy, **options)
    return found | {"dresidual": leaf.grad.double().numpy()}


def torchs_add(x, residual, *others, activation, **options):
    y = F.batch_norm(x, *others, **options) + residual
    return y if activation is None else getattr(F, activation)(y)


def torchs_pool(*arguments, activation, kernel_size, **options):
    y = F.batch_norm(*arguments, **options)
    return F.max_pool2d(y if activation is None else getattr(F, activation)(y), kernel_size)


def assert_within(found, expected, dtype):
    assert expected.kink > BOUND[dtype]  # else the case itself has no gradient that could be compared
    assert {name: error for name, error in errors(found, expected).items() if error > BOUND[dtype]} == {}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_residual_is_added_before_the_activation(shape, mode, activation, dtype, route, refused_if):
    with refused_if(
        route == "fused" and activation != "relu", "knows a residual or a pool with the activation 'relu' alone"
    ):
        training, tracked = MODES[mode]
        arguments, dy = make_case(shape, dtype=dtype, tracked=tracked)
        residual = draw(shape, dtype, 7)
        expected = finish_oracle(arguments, dy, residual=residual, activation=activation, training=training)
        found = run_add(arguments, residual, dy, activation=activation, training=training, route=route)
        assert_within(found, expected, dtype)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("shape", "size"), POOLS, ids=str)
def test_a_pool_takes_the_maximum_of_each_window_after_the_activation(
    shape, size, mode, activation, dtype, route, refused_if
):
    refused = route == "fused" and (activation != "relu" or size != 2)
    with refused_if(
        refused, "knows (pools of kernel_size 2|a residual or a pool with the activation 'relu') alone, got"
    ):
        training, tracked = MODES[mode]
        arguments, _ = make_case(shape, dtype=dtype, tracked=tracked, seed=2)
        dy = draw((*shape[:2], shape[2] // size, shape[3] // size), dtype, 7)
        expected = finish_oracle(arguments, dy, pool=size, activation=activation, training=training)
        options = {"activation": activation, "training": training, "kernel_size": size, "route": route}
        assert_within(run(batch_norm_pool, arguments, dy, **options), expected, dtype)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("weight", "bias"), [(True, False), (False, True), (False, False)])
def test_weight_and_bias_are_independent(weight, bias, route):
    arguments, dy = make_case((4, 3, 6, 5), dtype=torch.float64, weight=weight, bias=bias)
    residual = draw((4, 3, 6, 5), torch.float64, 7)
    expected = finish_oracle(arguments, dy, residual=residual, training=True)
    assert_within(run_add(arguments, residual, dy, training=True, route=route), expected, torch.float64)
    expected = finish_oracle(arguments, dy[:, :, :3, :2], pool=2, training=True)
    found = run(batch_norm_pool, arguments, dy[:, :, :3, :2], training=True, route=route)
    assert_within(found, expected, torch.float64)


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("route", ROUTES)
def test_momentum_and_eps_arrive(route, momentum, as_tensor):
    arguments, dy = make_case((4, 3, 6, 5), dtype=torch.float64)
    residual = draw((4, 3, 6, 5), torch.float64, 7)
    options = {"training": True, "eps": 0.25, "momentum": momentum}
    given = options | {"momentum": torch.tensor(momentum) if as_tensor else momentum, "route": route}
    bound = {"rtol": 1e-7, "atol": 1e-7}  # 0.3 as a tensor is a float32
    expected = finish_oracle(arguments, dy, residual=residual, **options)
    found = run_add(arguments, residual, dy, **given)
    for name, values in found.items():
        np.testing.assert_allclose(values, getattr(expected, name), **bound)
    expected = finish_oracle(arguments, dy[:, :, :3, :2], pool=2, **options)
    for name, values in run(batch_norm_pool, arguments, dy[:, :, :3, :2], **given).items():
        np.testing.assert_allclose(values, getattr(expected, name), **bound)


def case_of(function, dtype):
    """Arguments, dy and options for one of the two functions and for torch's operators in a row."""
    arguments, dy = make_case((6, 4, 6, 6), dtype=dtype, parameters=torch.float32)
    if function is batch_norm_add:
        residual = draw((6, 4, 6, 6), dtype, 7)
        return (lambda f, **options: run_add(arguments, residual, dy, f, **options)), torchs_add, {}
    return (lambda f, **options: run(f, arguments, dy[:, :, :3, :3], **options)), torchs_pool, {"kernel_size": 2}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, *HALF], ids=str)
@pytest.mark.parametrize("function", [batch_norm_add, batch_norm_pool])
def test_native_gives_the_bits_of_torchs_operators_in_a_row(function, dtype, activation, training):
    run_case, torchs, own = case_of(function, dtype)
    options = {"activation": activation, "training": training, **own}
    ours, expected = run_case(function, route="native", **options), run_case(torchs, **options)
    assert set(ours) == set(expected)
    assert all(np.array_equal(ours[name], expected[name]) for name in ours)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("parameters", ["float32", "own"])
@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_composed_half_outputs_are_rounded_once_at_the_end(dtype, parameters, activation, training):
    parameters = torch.float32 if parameters == "float32" else dtype
    arguments, dy = make_case((6, 4, 5, 5), dtype=dtype, parameters=parameters)
    residual = draw((6, 4, 5, 5), dtype, 7)
    options = {"training": training, "activation": activation}
    bound = {"rtol": 1.01 * torch.finfo(dtype).eps / 2, "atol": 1e-5}
    added = batch_norm_add(arguments[0], residual, *clones(arguments[1:]), route="composed", **options)
    expected = finish_oracle(arguments, dy, residual=residual, **options).y
    np.testing.assert_allclose(added.double(), expected, **bound)
    pooled = batch_norm_pool(*clones(arguments), route="composed", **options)
    expected = finish_oracle(arguments, dy[:, :, :2, :2], pool=2, **options).y
    np.testing.assert_allclose(pooled.double(), expected, **bound)
    assert added.dtype is pooled.dtype is dtype


def clones(arguments):
    return [None if a is None else a.clone() for a in arguments]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("training", [True, False])
def test_nan_and_infinity_go_where_the_formulas_take_them(training, bad, route):
    """Not where torch's operators do: what these make of a NaN may differ from processor to processor."""
    (x, *others), dy = make_case((4, 3, 4, 4), dtype=torch.float64)
    x[0, 1, 2, 3] = bad
    residual = draw((4, 3, 4, 4), torch.float64, 7)
    residual[1, 0, 0, 0] = bad
    options = {"training": training, "activation": "relu"}
    with np.errstate(all="ignore"):
        added = finish_oracle((x, *others), dy, residual=residual, **options).y
        pooled = finish_oracle((x, *others), dy[:, :, :2, :2], pool=2, **options).y
    found = batch_norm_add(x, residual, *clones(others), route=route, **options)
    np.testing.assert_allclose(found, added, rtol=1e-12, atol=1e-12)
    found = batch_norm_pool(x, *clones(others), route=route, **options)
    np.testing.assert_allclose(found, pooled, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_the_activation_is_relu_if_none_is_named(route):
    x = torch.tensor([[[[-1.0, -2.0], [-3.0, -4.0]]]])
    mean, var = torch.zeros(1), torch.ones(1)
    assert batch_norm_pool(x, mean, var, route=route).item() == 0.0
    assert batch_norm_add(x, x, mean, var, route=route).max().item() == 0.0


@pytest.mark.parametrize("route", ROUTES)
def test_there_is_no_activation_where_none_is_asked_for(route, refused_if):
    x = torch.tensor([[[[-1.0, -2.0], [-3.0, -4.0]]]])
    mean, var = torch.zeros(1), torch.ones(1)
    with refused_if(route == "fused", "knows a residual or a pool with the activation 'relu' alone, got None"):
        assert batch_norm_pool(x, mean, var, activation=None, eps=0.0, route=route).item() == -1.0
    with refused_if(route == "fused", "knows a residual or a pool with the activation 'relu' alone, got None"):
        assert batch_norm_add(x, x, mean, var, activation=None, eps=0.0, route=route).max().item() == -2.0


@pytest.mark.parametrize("route", ROUTES)
def test_a_function_is_called_on_the_sum_and_before_the_pool(route, refused_if):
    with refused_if(route == "fused", "knows a residual or a pool with the activation 'relu' alone"):
        x = torch.arange(-3.0, 5.0).reshape(1, 1, 2, 4)
        mean, var = torch.zeros(1), torch.ones(1)
        pooled = batch_norm_pool(x, mean, var, activation=torch.square, eps=0.0, route=route)
        assert pooled.flatten().tolist() == [9.0, 16.0]
        added = batch_norm_add(x, x + 1, mean, var, activation=torch.square, eps=0.0, route=route)
        assert added[0, 0, 0].tolist() == [25.0, 9.0, 1.0, 1.0]


@pytest.mark.parametrize("route", ROUTES)
def test_x_and_residual_themselves_are_not_changed(route):
    x, residual = torch.randn(4, 3), torch.randn(4, 3)
    before = x.clone(), residual.clone()
    batch_norm_add(x, residual, None, None, training=True, route=route)
    torch.testing.assert_close((x, residual), before, rtol=0, atol=0)
