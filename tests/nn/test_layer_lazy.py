import pickle

import pytest
import torch
from torch import nn

import batchnorm.nn as bn

KINDS = [
    (bn.LazyBatchNorm1d, bn.BatchNorm1d, nn.LazyBatchNorm1d, (6, 3)),
    (bn.LazyBatchNorm2d, bn.BatchNorm2d, nn.LazyBatchNorm2d, (4, 3, 4, 5)),
    (bn.LazyBatchNorm3d, bn.BatchNorm3d, nn.LazyBatchNorm3d, (3, 3, 2, 4, 3)),
]
OPTIONS = [
    {},
    {"bias": False},
    {"affine": False},
    {"track_running_stats": False},
    {"momentum": None, "eps": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("lazy", "becomes", "reference", "shape"), KINDS)
def test_after_the_first_batch_it_is_the_layer_and_gave_torchs_output(lazy, becomes, reference, shape, options):
    layer, torchs = lazy(**options, activation="relu"), reference(**options)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), torchs(x).relu())
    assert type(layer) is becomes
    torch.testing.assert_close(layer.state_dict(), torchs.state_dict())


@pytest.mark.parametrize(("lazy", "becomes", "reference", "shape"), KINDS)
def test_it_is_an_instance_of_torchs_lazy_layer(lazy, becomes, reference, shape):
    assert isinstance(lazy(), reference)


def test_the_options_survive_the_change_of_class():
    layer = bn.LazyBatchNorm2d(eps=0.5, activation="relu", route="composed")
    layer(torch.randn(2, 3, 4, 4))
    assert (vars(layer)["eps"], layer.activation, layer.route) == (0.5, "relu", "composed")


def test_eps_is_the_first_positional_argument_as_in_torch():
    assert bn.LazyBatchNorm2d(0.25).eps == 0.25


def test_a_checkpoint_of_a_full_layer_fills_it():
    source = nn.BatchNorm2d(3)
    source(torch.randn(2, 3, 4, 4))
    layer = bn.LazyBatchNorm2d(activation="relu")
    layer.load_state_dict(source.state_dict(), strict=True)
    torch.testing.assert_close(layer.state_dict(), source.state_dict())


def test_a_pickled_lazy_layer_is_lazy():
    twin = pickle.loads(pickle.dumps(bn.LazyBatchNorm2d(activation="relu")))  # noqa: S301  # ours
    assert twin.has_uninitialized_params()
    assert twin(torch.randn(2, 3, 4, 4)).min() == 0


@pytest.mark.parametrize("options", [{"activation": "rleu"}, {"route": "nativ"}], ids=str)
def test_unknown_names_are_refused_at_once(options):
    with pytest.raises(ValueError, match="Did you mean"):
        bn.LazyBatchNorm2d(**options)


def test_a_wrong_number_of_axes_is_refused():
    with pytest.raises(ValueError, match=r"expected input of shape \(N, C, H, W\)"):
        bn.LazyBatchNorm2d()(torch.zeros(2, 3))
