import pytest
import torch

from batchnorm.functional import ACTIVATIONS, activate, batch_norm, check_activation

MODULES = {
    "celu": torch.nn.CELU(),
    "elu": torch.nn.ELU(),
    "gelu": torch.nn.GELU(),
    "gelu_tanh": torch.nn.GELU(approximate="tanh"),
    "hardsigmoid": torch.nn.Hardsigmoid(),
    "hardswish": torch.nn.Hardswish(),
    "hardtanh": torch.nn.Hardtanh(),
    "leaky_relu": torch.nn.LeakyReLU(),
    "mish": torch.nn.Mish(),
    "relu": torch.nn.ReLU(),
    "relu6": torch.nn.ReLU6(),
    "selu": torch.nn.SELU(),
    "sigmoid": torch.nn.Sigmoid(),
    "silu": torch.nn.SiLU(),
    "softplus": torch.nn.Softplus(),
    "tanh": torch.nn.Tanh(),
}
FUSED = ["relu", "relu6", "silu", "hardswish"]
"""The names that the route `fused` has kernels for."""
Y = torch.linspace(-8, 8, 101)


def test_every_name_has_its_module_in_this_test():
    assert set(MODULES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_name_computes_what_torchs_module_computes(name):
    torch.testing.assert_close(activate(Y, name), MODULES[name](Y))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_the_activation_is_the_last_step_of_batch_norm(name, route, refused_if):
    with refused_if(
        route == "fused" and name not in FUSED, "knows the activations relu, relu6, silu, hardswish and None, got"
    ):
        x = Y.reshape(-1, 1)
        weight, bias = torch.tensor([3.0]), torch.tensor([-1.0])
        plain = batch_norm(x, None, None, weight, bias, training=True, route=route)
        found = batch_norm(x, None, None, weight, bias, training=True, activation=name, route=route)
        torch.testing.assert_close(found, MODULES[name](plain))


def test_none_gives_back_the_tensor_itself():
    assert activate(Y) is Y


@pytest.mark.parametrize("function", [torch.nn.PReLU(init=0.5), torch.square])
def test_modules_and_functions_are_called(function):
    torch.testing.assert_close(activate(Y, function), function(Y))


@pytest.mark.parametrize("check", [check_activation, lambda name: activate(Y, name)])
def test_an_unknown_name_is_an_error_with_the_near_ones(check):
    with pytest.raises(ValueError, match=r"got 'rleu6'. Did you mean 'relu6' or .*Known: celu, elu"):
        check("rleu6")


@pytest.mark.parametrize("check", [check_activation, lambda name: activate(Y, name)])
def test_what_cannot_be_called_is_a_type_error(check):
    with pytest.raises(TypeError, match=r"expected a name, a module or a function .* got int"):
        check(3)


@pytest.mark.parametrize(
    "check",
    [
        check_activation,
        lambda kind: activate(Y, kind),
        lambda kind: batch_norm(Y[:, None], None, None, training=True, activation=kind),
    ],
)
def test_a_class_instead_of_a_module_is_a_type_error(check):
    with pytest.raises(TypeError, match=r"expected a module, got the class ReLU. Make one: ReLU\(\)\."):
        check(torch.nn.ReLU)
