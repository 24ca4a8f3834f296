import pytest
import torch
from torch import nn

import batchnorm.nn as bn
from batchnorm.models import ConvBNNet

from .references import feed

LAYERS = [bn.BatchNorm1d, bn.BatchNorm2d, bn.BatchNorm3d, bn.BatchNormAdd2d, bn.BatchNormPool2d]
LAYERS_2D = [bn.BatchNorm2d, bn.BatchNormAdd2d, bn.BatchNormPool2d]
X = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize(
    ("activation", "module"),
    [("relu", nn.ReLU()), ("silu", nn.SiLU()), (nn.PReLU(init=0.3), nn.PReLU(init=0.3))],
    ids=str,
)
def test_the_activation_follows_the_norm(activation, module, route):
    layer = bn.BatchNorm2d(3, activation=activation, route=route)
    torch.testing.assert_close(layer(X), module(nn.BatchNorm2d(3)(X)))


def test_a_module_becomes_a_submodule_and_is_trained():
    layer = bn.BatchNorm2d(3, activation=nn.PReLU())
    layer(X).sum().backward()
    assert layer.activation.weight.grad is not None
    assert "activation.weight" in dict(layer.named_parameters())


def test_the_hooks_of_an_activation_module_run():
    relu, seen = nn.ReLU(), []
    relu.register_forward_hook(lambda module, args, output: seen.append(output))
    y = bn.BatchNorm2d(3, activation=relu)(X)
    assert seen[0] is y


def test_a_function_is_called():
    torch.testing.assert_close(bn.BatchNorm2d(3, activation=torch.square)(X), nn.BatchNorm2d(3)(X).square())


def test_the_activation_can_be_taken_out():
    layer = bn.BatchNorm2d(3, activation=nn.ReLU())
    layer.activation = None
    torch.testing.assert_close(layer(X), nn.BatchNorm2d(3)(X))


@pytest.mark.parametrize("layer", LAYERS)
def test_an_unknown_activation_is_an_error_with_the_near_ones(layer):
    with pytest.raises(ValueError, match=r"got 'rleu'. Did you mean 'relu'"):
        layer(3, activation="rleu")


@pytest.mark.parametrize("make", [*LAYERS, bn.LazyBatchNorm2d, ConvBNNet])
def test_a_class_instead_of_an_activation_module_is_a_type_error(make):
    with pytest.raises(TypeError, match=r"expected a module, got the class ReLU. Make one: ReLU\(\)\."):
        make(activation=nn.ReLU) if make in (bn.LazyBatchNorm2d, ConvBNNet) else make(3, activation=nn.ReLU)


@pytest.mark.parametrize(("later", "message"), [(3, "got int"), (nn.ReLU, "the class ReLU")], ids=str)
@pytest.mark.parametrize("route", ["auto", "composed", "native", "fused"])
@pytest.mark.parametrize("make", LAYERS_2D)
def test_an_invalid_activation_that_is_assigned_later_is_an_error_and_changes_nothing(make, later, message, route):
    layer = make(3, route=route)
    layer.activation = later
    with pytest.raises(TypeError, match=message):
        feed(layer, X)
    assert (layer.running_mean.tolist(), layer.num_batches_tracked) == ([0.0] * 3, 0)


@pytest.mark.parametrize("layer", LAYERS)
def test_an_unknown_route_is_an_error_with_the_near_ones(layer):
    with pytest.raises(ValueError, match=r"got 'nativ'. Did you mean 'native'"):
        layer(3, route="nativ")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, ""),
        ({"activation": "relu"}, ", activation='relu'"),
        ({"route": "composed"}, ", route='composed'"),
        ({"activation": "relu", "route": "native"}, ", activation='relu', route='native'"),
    ],
    ids=str,
)
def test_extra_repr_is_torchs_and_what_differs(options, text):
    assert bn.BatchNorm2d(3, **options).extra_repr() == nn.BatchNorm2d(3).extra_repr() + text


@pytest.mark.parametrize(("route", "native"), [("composed", False), ("native", True), ("auto", True)])
@pytest.mark.parametrize("make", LAYERS_2D)
def test_a_layer_takes_its_route(make, route, native):
    with torch.profiler.profile() as profile:
        feed(make(3, route=route), X)
    assert ("aten::batch_norm" in {event.key for event in profile.key_averages()}) == native


def test_an_activation_module_is_shown_as_a_child():
    assert "(activation): ReLU()" in repr(bn.BatchNorm2d(3, activation=nn.ReLU()))


@pytest.mark.parametrize("bias", [True, False])
def test_weight_and_bias_are_independent(bias):
    layer = bn.BatchNorm2d(3, bias=bias)
    assert layer.weight is not None
    assert (layer.bias is not None) == bias


def test_eps_can_be_changed_after_construction():
    layer, reference = bn.BatchNorm2d(3, eps=1e-5), nn.BatchNorm2d(3, eps=0.5)
    layer.eps = 0.5
    torch.testing.assert_close(layer(X), reference(X))


def test_the_attributes_are_torchs_and_four_more():
    ours, torchs = vars(bn.BatchNorm2d(3)), vars(nn.BatchNorm2d(3))
    assert set(ours) - set(torchs) == {"activation", "route", "_source", "_tracking"}
    assert set(torchs) <= set(ours)


@pytest.mark.parametrize("make", [bn.BatchNorm2d, nn.BatchNorm2d])
def test_eps_is_no_attribute_of_the_class_as_torchs_is_not(make):
    with pytest.raises(AttributeError, match="type object 'BatchNorm2d' has no attribute 'eps'"):
        make.eps  # noqa: B018  # to be read is all that it is for


@pytest.mark.parametrize("make", [bn.BatchNorm2d, nn.BatchNorm2d])
def test_a_deleted_eps_is_missing_as_torchs_is(make):
    layer = make(3)
    del layer.eps
    assert not hasattr(layer, "eps")
    with pytest.raises(AttributeError, match="'BatchNorm2d' object has no attribute 'eps'"):
        layer.eps  # noqa: B018
    with pytest.raises(AttributeError, match="eps"):
        del layer.eps
