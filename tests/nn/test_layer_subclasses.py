"""What torch lets others override of its layers, in a subclass or a layer, they may override of ours, and are heard."""

import pytest
import torch

import batchnorm.nn as bn


class AnyAxes(bn.BatchNorm1d):
    def _check_input_dim(self, input):  # noqa: A002
        pass


class ByName(bn.BatchNorm2d):
    def __getattr__(self, name):
        found = super().__getattr__(name)
        return found.square() if name in ("weight", "running_var") and found is not None else found


def test_a_subclass_may_take_inputs_of_other_axes():
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(AnyAxes(3)(x), torch.nn.BatchNorm2d(3)(x))


def test_a_layer_may_be_given_a_stricter_check_of_its_input():
    layer = bn.BatchNorm2d(3)

    def refuse(x):
        raise ValueError("no input today")

    layer._check_input_dim = refuse
    with pytest.raises(ValueError, match="no input today"):
        layer(torch.zeros(2, 3, 4, 4))


def test_a_subclass_may_say_what_a_name_of_its_state_stands_for():
    layer, x = ByName(3), torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer._parameters["weight"].fill_(3.0)
        layer._buffers["running_var"].fill_(2.0)
    y = layer.eval()(x)
    torch.testing.assert_close(y, x * 9 / torch.sqrt(torch.tensor(4.0 + 1e-5)))


def test_a_tensor_that_is_put_before_a_parameter_is_taken():
    """Tools that shard or replace parameters write past torch's setter."""
    layer, x = bn.BatchNorm2d(3), torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    object.__setattr__(layer, "weight", torch.full((3,), 2.0))
    torch.testing.assert_close(layer(x), 2 * torch.nn.BatchNorm2d(3)(x))
