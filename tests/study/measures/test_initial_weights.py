"""Initial weights by schemes and factors, against what their papers say of them."""

import math

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.study.measures import initialize

CHANNELS, OUT, SIDE = 60, 80, 3


def net() -> nn.Sequential:
    layers = nn.Conv2d(CHANNELS, OUT, SIDE), nn.BatchNorm2d(OUT), nn.ReLU(), nn.Flatten(), nn.Linear(OUT * 4, 7)
    return nn.Sequential(*layers)


def initialized(scheme: str, scale: float) -> nn.Sequential:
    made = net()
    initialize(made, scheme, scale, torch.Generator().manual_seed(3))
    return made


@pytest.mark.parametrize(
    ("scheme", "std"),
    [
        ("kaiming", math.sqrt(2 / (OUT * SIDE**2))),
        ("xavier", math.sqrt(2 / ((CHANNELS + OUT) * SIDE**2))),
        ("normal", 0.01),
    ],
)
def test_weights_have_the_standard_deviation_of_their_scheme(scheme: str, std: float) -> None:
    drawn = initialized(scheme, 1.0)[0].weight.double()
    assert drawn.std().item() == pytest.approx(std, rel=0.02)
    assert abs(drawn.mean().item()) < 0.02 * std


def test_orthogonal_weights_are_orthogonal_and_multiplied() -> None:
    rows = initialized("orthogonal", 10.0)[0].weight.flatten(1).double()
    torch.testing.assert_close(rows @ rows.T, 100 * torch.eye(OUT, dtype=torch.float64), atol=1e-3, rtol=0)


@pytest.mark.parametrize("scheme", ["kaiming", "xavier", "orthogonal", "normal"])
def test_a_scale_multiplies_the_same_draw(scheme: str) -> None:
    torch.testing.assert_close(initialized(scheme, 0.25)[0].weight, 0.25 * initialized(scheme, 1.0)[0].weight)


def test_the_last_layer_and_all_biases_and_norms_are_left() -> None:
    made = net()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    initialize(made, "normal", 100.0, torch.Generator().manual_seed(3))
    changed = [name for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == ["0.weight"]


def test_an_unknown_scheme_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"scheme: expected one of kaiming, xavier, orthogonal, normal, got 'he'"):
        initialize(net(), "he", 1.0, torch.Generator())


def test_a_net_without_hidden_layers_is_refused() -> None:
    with pytest.raises(InputError, match=r"net: expected at least two convolutions or linear layers, got .* with 1"):
        initialize(nn.Sequential(nn.Linear(2, 2)), "normal", 1.0, torch.Generator())
