"""Batches without values: what torch takes comes out as from torch's function, and what it refuses is refused."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F

from batchnorm import nn as bn
from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool, channel_affine

SHAPES = [(0,), (0, 3), (0, 3, 5), (4, 3, 0), (0, 3, 4, 4), (2, 3, 0, 4), (2, 0, 5), (0, 0), (0, 3, 2, 2, 2)]
FLOATS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
ROUTES = ["auto", "composed", "native", "fused"]
MODES = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def everything(function, shape, dtype=torch.float32, others=torch.float32, channels=3, **options):
    """The output and its strides, the statistics afterwards, and all gradients."""
    x = torch.empty(shape, dtype=dtype, requires_grad=True)
    weight, bias = (torch.full((3,), 2.0, dtype=others, requires_grad=True) for _ in range(2))
    mean, var = torch.full((channels,), 0.5, dtype=others), torch.full((channels,), 2.0, dtype=others)
    y = function(x, mean, var, weight, bias, **options)
    y.sum().backward()
    return y.detach(), torch.tensor(y.stride()), mean, var, x.grad, weight.grad, bias.grad


@pytest.mark.parametrize("momentum", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
@MODES
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_empty_batch_is_as_torchs(shape, route, training, momentum):
    ours = everything(batch_norm, shape, training=training, momentum=momentum, route=route)
    torch.testing.assert_close(ours, everything(F.batch_norm, shape, training=training), rtol=0, atol=0)


@MODES
@pytest.mark.parametrize(("dtype", "others"), [*product(FLOATS, FLOATS)], ids=str)
def test_an_empty_batch_of_any_dtype_goes_beside_parameters_of_any(dtype, others, training):
    for route in ROUTES:
        ours = everything(batch_norm, (0, 3, 2, 2), dtype, others, training=training, route=route)
        torchs = everything(F.batch_norm, (0, 3, 2, 2), dtype, others, training=training)
        torch.testing.assert_close(ours, torchs, rtol=0, atol=0)


@MODES
def test_an_empty_batch_may_come_with_another_number_of_channels_or_no_statistics(training):
    ours = everything(batch_norm, (0, 3), channels=5, training=training)
    torch.testing.assert_close(ours, everything(F.batch_norm, (0, 3), channels=5, training=training), rtol=0, atol=0)
    assert batch_norm(torch.zeros(0, 3), None, None, training=training).shape == (0, 3)


@MODES
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nothing_may_be_its_own_statistics(dtype, training):
    z = torch.zeros(0, dtype=dtype)
    assert batch_norm(z, z, z, training=training).shape == F.batch_norm(z, z, z, training=training).shape == (0,)


def test_an_empty_batch_of_integers_is_taken_as_torch_takes_it():
    x = torch.zeros(0, 3, dtype=torch.int64)
    assert batch_norm(x, None, None).dtype == F.batch_norm(x, None, None).dtype == torch.int64


REFUSED = {
    "one value per channel": ((1, 0), {"training": True}, ValueError, "more than 1 value per channel when training"),
    "a weight without values": (
        (2, 0),
        {"weight": torch.ones(0)},
        IndexError,
        r"weight must have a value where x.*None",
    ),
    "a bias without axes": ((0, 3), {"bias": torch.tensor(1.0)}, IndexError, r"bias must have a value where x"),
    "eps below 0": ((0, 3), {"eps": -1.0}, ValueError, "eps must be non-negative"),
    "eps of 0 in training": ((0, 3), {"eps": 0.0, "training": True}, ValueError, "eps must be positive"),
    "a mode that is a number": ((0, 3), {"training": 1}, TypeError, "training must be a bool"),
    "a momentum that is none": ((0, 3), {"momentum": "a"}, TypeError, "momentum must be a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_torch_refuses_of_an_empty_batch_is_refused_by_the_same_type_with_a_reason(case):
    shape, options, error, reason = REFUSED[case]
    with pytest.raises(error, match=r"[Ee]xpected more|select\(\)|eps must be|must be (bool|float)"):
        F.batch_norm(torch.zeros(shape), None, None, **options)
    with pytest.raises(error, match=f"batch_norm: .*{reason}"):
        batch_norm(torch.zeros(shape), None, None, **options)


def test_an_unknown_route_is_refused_of_an_empty_batch_too():
    with pytest.raises(ValueError, match="route: expected a known name, got 'nativ'"):
        batch_norm(torch.zeros(0, 3), None, None, route="nativ")


@MODES
def test_what_stands_behind_an_empty_norm_is_as_torchs(training):
    x, residual = torch.zeros(0, 3, 4, 4), torch.zeros(0, 3, 4, 4)
    options = {"training": training, "route": "fused"}
    assert batch_norm_add(x, residual, torch.zeros(3), torch.ones(3), **options).shape == (0, 3, 4, 4)
    assert batch_norm_pool(x, torch.zeros(3), torch.ones(3), **options).shape == (0, 3, 2, 2)
    assert batch_norm(x, torch.zeros(3), torch.ones(3), activation=torch.square, training=training).shape == x.shape


LAYERS = {
    bn.BatchNorm1d: (torch.nn.BatchNorm1d, (0, 3)),
    bn.BatchNorm2d: (torch.nn.BatchNorm2d, (0, 3, 2, 2)),
    bn.BatchNorm3d: (torch.nn.BatchNorm3d, (2, 3, 2, 0, 2)),
}


@MODES
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("ours", LAYERS)
def test_a_layer_takes_an_empty_batch_and_counts_it_as_torchs(ours, dtype, training):
    torchs, shape = LAYERS[ours]
    layers = ours(3).train(training), torchs(3).train(training)
    outputs = [layer(torch.zeros(shape, dtype=dtype)) for layer in layers]
    torch.testing.assert_close(*outputs, rtol=0, atol=0)
    torch.testing.assert_close(*(dict(layer.state_dict()) for layer in layers), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_frozen_scale_and_shift_take_what_the_norm_took(shape, dtype):
    x = torch.empty(shape, dtype=dtype, requires_grad=True)
    y = channel_affine(x, torch.ones(3), torch.ones(3), activation="relu")
    y.sum().backward()
    assert (y.shape, y.dtype, y.stride(), x.grad.shape) == (x.shape, dtype, x.stride(), x.shape)
