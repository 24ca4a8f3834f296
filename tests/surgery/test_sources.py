"""What is folded of a layer with a source is what it computes in evaluation; the others are left, with the reason."""

import pytest
import torch
from torch import nn

import batchnorm
import batchnorm.nn as bn

from .nets import X

CONSTANT = ["ghost:2", "renorm", "population", "population:none"]


def net(moments, **options):
    torch.manual_seed(0)
    norm = bn.BatchNorm2d(4, moments=moments, **options)
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("moments", CONSTANT)
def test_what_is_batch_norm_in_evaluation_is_folded(moments, activation):
    model = net(moments, activation=activation)
    wanted = model(X)
    (found,) = batchnorm.fold(model, X).norms
    assert found.reason is None
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    torch.testing.assert_close(model(X), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("moments", CONSTANT)
def test_unfolding_gives_the_layer_with_its_source_back(moments):
    model = net(moments)
    state = {name: values.clone() for name, values in model.state_dict().items()}
    batchnorm.fold(model, X)
    batchnorm.unfold(model)
    assert str(model[1].moments) == moments
    torch.testing.assert_close(dict(model.state_dict()), state, rtol=0, atol=0)


@pytest.mark.parametrize("moments", CONSTANT)
def test_a_model_in_training_is_refused_as_ever(moments):
    with pytest.raises(ValueError, match="expected a model in evaluation mode, got one in training mode"):
        batchnorm.fold(net(moments).train(), X)


def test_a_blended_norm_is_left_for_it_depends_on_the_batch():
    model = net("blend:0.5")
    wanted = model(X)
    (found,) = batchnorm.fold(model, X).norms
    assert "moments='blend:0.5'" in found.reason
    assert isinstance(model[1], bn.BatchNorm2d)
    torch.testing.assert_close(model(X), wanted, rtol=0, atol=0)


class Sequences(nn.Module):
    def __init__(self, moments):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.head = nn.Conv1d(3, 4, 1), bn.BatchNorm1d(4, moments=moments), nn.Conv1d(4, 2, 1)
        nn.init.normal_(self.norm.running_mean)

    def forward(self, x, mask):
        return self.head(self.norm(self.conv(x), mask))


@pytest.mark.parametrize("whole", [True, False], ids=["all valid", "padding"])
@pytest.mark.parametrize("moments", ["masked", "masked:none"])
def test_a_masked_norm_is_left_even_if_the_example_has_no_padding(moments, whole):
    model = Sequences(moments).eval()
    x, mask = torch.randn(4, 3, 7), torch.arange(7) < torch.tensor([[7], [3], [5], [1]])
    wanted = model(x, mask)
    (found,) = batchnorm.fold(model, (x, mask | whole)).norms
    assert "moments='masked" in found.reason
    assert isinstance(model.norm, bn.BatchNorm1d)
    torch.testing.assert_close(model(x, mask), wanted, rtol=0, atol=0)


@pytest.mark.parametrize("moments", ["batch", *CONSTANT])
def test_the_wiring_of_what_is_batch_norm_in_evaluation_is_that_of_the_plain_layer(moments):
    assert str(batchnorm.trace(net(moments), X)) == str(batchnorm.trace(net("batch"), X))
