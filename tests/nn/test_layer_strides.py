"""Do the layers' outputs lie in memory as those of torch's layers, for inputs in any memory and of any size?"""

import pytest
import torch
from torch import nn

from batchnorm.nn import BatchNorm1d, ScaleShift

from ..functional.strided_inputs import inputs
from .references import PAIRS, feed, pair

MODES = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


@MODES
@pytest.mark.parametrize("route", ["auto", "composed"])
@pytest.mark.parametrize("kind", PAIRS)
def test_outputs_have_the_strides_of_torchs_layer(kind, route, training):
    layer, reference, shape = pair(kind, ours={"route": route})
    layers = layer.train(training), reference.train(training)
    found = [(x.stride(), *(feed(norm, x).stride() for norm in layers)) for x in inputs(shape)]
    assert [strides for strides in found if strides[1] != strides[2]] == []


@MODES
@pytest.mark.parametrize("activation", [None, "relu", nn.ReLU()], ids=["none", "a name", "a module"])
@pytest.mark.parametrize("length", [8, 2048], ids=["small", "large"])
def test_a_net_that_views_what_a_norm_has_turned_round_works_at_every_size(length, activation, training):
    """As behind an attention; the large one has 2**20 values, more than every threshold."""
    x = torch.randn(8, length, 64).transpose(1, 2)
    layer = BatchNorm1d(64, activation=activation).train(training)
    assert layer(x).view(8, -1).shape == (8, 64 * length)
    folded = ScaleShift(torch.ones(64), torch.zeros(64), activation=activation)
    assert folded(x).view(8, -1).shape == (8, 64 * length)
