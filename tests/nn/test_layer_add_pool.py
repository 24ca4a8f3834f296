"""What the layers with a residual and with a pool have besides what all layers have."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import batchnorm.nn as bn

X = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
RESIDUAL = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(1))
ROUTES = ["auto", "composed", "native", "fused"]
ACTIVATIONS = {
    "none": (None, lambda y: y),
    "relu": ("relu", torch.relu),
    "silu": ("silu", F.silu),
    "function": (torch.square, torch.square),
    "module": (nn.PReLU(init=0.3), nn.PReLU(init=0.3)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_residual_is_added_before_the_activation(activation, route, training, refused_if):
    with refused_if(route == "fused" and activation != "relu", "knows a residual or a pool with the activation 'relu'"):
        given, function = ACTIVATIONS[activation]
        layer, reference = bn.BatchNormAdd2d(3, activation=given, route=route), nn.BatchNorm2d(3)
        for module in (layer, reference):
            module.train(training)
        torch.testing.assert_close(layer(X, RESIDUAL), function(reference(X) + RESIDUAL))
        torch.testing.assert_close(layer.running_var, reference.running_var)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_pool_follows_the_activation(activation, route, size, training, refused_if):
    own = activation in ("function", "module")  # called by the layer, which then pools by itself
    refused = route == "fused" and not own and (activation != "relu" or size != 2)
    with refused_if(
        refused, "knows (pools of kernel_size 2|a residual or a pool with the activation 'relu') alone, got"
    ):
        given, function = ACTIVATIONS[activation]
        layer, reference = bn.BatchNormPool2d(3, activation=given, kernel_size=size, route=route), nn.BatchNorm2d(3)
        for module in (layer, reference):
            module.train(training)
        torch.testing.assert_close(layer(X), F.max_pool2d(function(reference(X)), size))
        torch.testing.assert_close(layer.running_var, reference.running_var)


def test_the_arguments_are_those_of_batch_norm_2d_with_relu_and_the_size_of_the_pool():
    plain = dict(inspect.signature(bn.BatchNorm2d).parameters)
    for make, own in ((bn.BatchNormAdd2d, {}), (bn.BatchNormPool2d, {"kernel_size": 2})):
        found = inspect.signature(make).parameters
        assert [p.name for p in found.values() if p.name not in own] == list(plain)
        assert {n: found[n].kind for n in plain} == {n: p.kind for n, p in plain.items()}
        defaults = {n: p.default for n, p in found.items()}
        assert defaults == {n: p.default for n, p in plain.items()} | {"activation": "relu"} | own


def test_positional_arguments_arrive_where_torchs_do():
    arguments = (3, 1e-3, 0.2, False, False, "meta", torch.float64)
    for make in (bn.BatchNormAdd2d, bn.BatchNormPool2d):
        layer, reference = make(*arguments), nn.BatchNorm2d(*arguments)
        for name in ("num_features", "eps", "momentum", "affine", "track_running_stats"):
            assert vars(layer)[name] == getattr(reference, name)
    parameter = bn.BatchNormPool2d(3, device="meta", dtype=torch.float64, bias=False).weight
    assert (parameter.device.type, parameter.dtype) == ("meta", torch.float64)


def test_the_hooks_of_an_activation_module_see_the_sum():
    seen = []
    relu = nn.ReLU()
    relu.register_forward_hook(lambda module, args, output: seen.append((args[0], output)))
    y = bn.BatchNormAdd2d(3, activation=relu)(X, RESIDUAL)
    torch.testing.assert_close(seen[0][0], nn.BatchNorm2d(3)(X) + RESIDUAL)
    assert seen[0][1] is y


def test_the_hooks_of_an_activation_module_see_the_image_that_is_to_be_pooled():
    seen = []
    relu = nn.ReLU()
    relu.register_forward_hook(lambda module, args, output: seen.append(output))
    y = bn.BatchNormPool2d(3, activation=relu)(X)
    assert seen[0].shape == X.shape
    torch.testing.assert_close(F.max_pool2d(seen[0], 2), y)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (bn.BatchNormAdd2d(3), ", activation='relu'"),
        (bn.BatchNormAdd2d(3, activation=None, route="native"), ", route='native'"),
        (bn.BatchNormPool2d(3), ", activation='relu', kernel_size=2"),
        (bn.BatchNormPool2d(3, activation=nn.ReLU(), kernel_size=3), ", kernel_size=3"),
    ],
    ids=str,
)
def test_extra_repr_is_torchs_and_what_differs(layer, text):
    assert layer.extra_repr() == nn.BatchNorm2d(3).extra_repr() + text


@pytest.mark.parametrize(
    ("size", "kind", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (2.0, TypeError, "an integer, got 2.0"),
        (None, TypeError, "an integer, got None"),
    ],
)
def test_a_kernel_size_that_is_none_is_refused_at_once(size, kind, message):
    with pytest.raises(kind, match=f"kernel_size must be {message}"):
        bn.BatchNormPool2d(3, kernel_size=size)


@pytest.mark.parametrize("activation", ["relu", nn.ReLU(), pytest.param(torch.square, id="square")], ids=str)
@pytest.mark.parametrize(
    ("residual", "kind"), [(RESIDUAL[:1], RuntimeError), (RESIDUAL.double(), RuntimeError), (None, TypeError)]
)
def test_a_residual_that_does_not_fit_is_refused_and_nothing_is_counted(residual, kind, activation):
    layer = bn.BatchNormAdd2d(3, activation=activation)
    with pytest.raises(kind, match="residual must"):
        layer(X, residual)
    assert (layer.running_mean.tolist(), layer.num_batches_tracked) == ([0.0] * 3, 0)


@pytest.mark.parametrize("activation", ["relu", nn.ReLU(), pytest.param(torch.square, id="square")], ids=str)
@pytest.mark.parametrize(
    ("size", "kind", "message"),
    [(6, RuntimeError, "at least 6x6"), (0, ValueError, "got 0"), (True, TypeError, "True")],
)
def test_an_image_or_a_size_that_does_not_fit_is_refused_and_nothing_is_counted(size, kind, message, activation):
    layer = bn.BatchNormPool2d(3, activation=activation)
    layer.kernel_size = size
    with pytest.raises(kind, match=f"^batch_norm_pool: .*{message}"):
        layer(X)
    assert (layer.running_mean.tolist(), layer.num_batches_tracked) == ([0.0] * 3, 0)


def test_a_call_without_a_residual_is_an_error():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'residual'"):
        bn.BatchNormAdd2d(3)(X)


@pytest.mark.parametrize("make", [bn.BatchNormAdd2d, bn.BatchNormPool2d])
def test_parameters_and_buffers_can_be_given_by_names_that_are_torchs(make):
    layer = make(3)
    assert [n for n, _ in layer.named_parameters()] == ["weight", "bias"]
    assert [n for n, _ in layer.named_buffers()] == ["running_mean", "running_var", "num_batches_tracked"]
    assert layer.training
    torch.testing.assert_close(layer.state_dict(), nn.BatchNorm2d(3).state_dict())


def test_both_arguments_have_names():
    layer = bn.BatchNormAdd2d(3)
    expected = torch.relu(nn.BatchNorm2d(3)(X) + RESIDUAL)
    torch.testing.assert_close(layer(input=X, residual=RESIDUAL), expected)
    torch.testing.assert_close(bn.BatchNormPool2d(3)(input=X), F.max_pool2d(torch.relu(nn.BatchNorm2d(3)(X)), 2))


def test_under_autocast_a_residual_from_outside_of_a_conv_is_taken():
    conv, layer = nn.Conv2d(3, 3, 1), bn.BatchNormAdd2d(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(conv(X), RESIDUAL)
    assert y.dtype is torch.bfloat16
