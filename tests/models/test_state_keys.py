"""The keys of the nets' states, written out: runs of any time load, whatever a norm brings by then."""

import itertools

import pytest
import torch
from torch import nn

from batchnorm.models import ConvBNNet, resnet18, resnet20

NETS = {"ConvBNNet": ConvBNNet, "resnet20": resnet20, "resnet18": resnet18}


def norm(name):
    return [f"{name}.{entry}" for entry in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]


def block(name, *, projects=False, act=False):
    path = f"{name}.residual"
    keys = [f"{path}.conv1.weight", *norm(f"{path}.bn1"), *([f"{path}.act1.weight"] if act else [])]
    keys += [f"{path}.conv2.weight", *norm(f"{path}.bn2")]
    keys += [f"{name}.shortcut.conv.weight", *norm(f"{name}.shortcut.bn")] if projects else []
    return keys + ([f"{name}.act.weight"] if act else [])


def resnet_keys(stages, blocks, *, projections, act=False):
    keys = ["conv1.weight", *norm("bn1"), *(["act1.weight"] if act else [])]
    for stage, number in itertools.product(range(1, stages + 1), range(blocks)):
        changes = stage > 1 and number == 0
        keys += block(f"stage{stage}.{number}", projects=projections and changes, act=act)
    return [*keys, "fc.weight", "fc.bias"]


KEYS = {
    "ConvBNNet": [
        *("conv1.weight", "conv1.bias"),
        *("bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked"),
        *("conv2.weight", "conv2.bias"),
        *("bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var", "bn2.num_batches_tracked"),
        *("fc.weight", "fc.bias"),
    ],
    "resnet20": resnet_keys(3, 3, projections=False),
    "resnet18": resnet_keys(4, 2, projections=True),
}
KEYS_WITH_PRELU = {
    "ConvBNNet": [
        *("conv1.weight", "conv1.bias", *norm("bn1"), "act1.weight"),
        *("conv2.weight", "conv2.bias", *norm("bn2"), "act2.weight"),
        *("fc.weight", "fc.bias"),
    ],
    "resnet20": resnet_keys(3, 3, projections=False, act=True),
    "resnet18": resnet_keys(4, 2, projections=True, act=True),
}


@pytest.mark.parametrize("kind", ["batchnorm", "torch"])
@pytest.mark.parametrize("name", NETS)
def test_the_keys_are_these_in_this_order(name, kind):
    assert list(NETS[name](width=2, norm=kind).state_dict()) == KEYS[name]


@pytest.mark.parametrize("kind", ["batchnorm", "torch"])
@pytest.mark.parametrize("name", NETS)
def test_the_parameters_of_an_activation_have_keys_of_their_own(name, kind):
    assert list(NETS[name](width=2, norm=kind, activation=nn.PReLU()).state_dict()) == KEYS_WITH_PRELU[name]


def make(name, kind, activation):
    """A net whose state is no longer the initial one, in float64."""
    torch.manual_seed(0)
    net = NETS[name](width=4, image_size=11, norm=kind, activation=activation).double()
    for value in net.state_dict().values():
        if value.is_floating_point():
            nn.init.uniform_(value, 0.1, 0.9)
    return net


def outputs(net, training):
    """The logits, the gradients and the state after one call."""
    x = torch.randn(6, 1, 11, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits = net.train(training)(x)
    logits.square().mean().backward()
    return logits, [p.grad for p in net.parameters()], dict(net.state_dict())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", ["relu", "silu", nn.ReLU(), nn.PReLU(), None], ids=str)
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_a_state_loads_strictly_into_the_net_with_torchs_norm_and_gives_its_outputs(
    name, both_ways, activation, training
):
    kinds = ("torch", "batchnorm") if both_ways else ("batchnorm", "torch")
    source, target = (make(name, kind, activation) for kind in kinds)
    nn.init.zeros_(target.get_submodule("fc").weight)
    target.load_state_dict(source.state_dict(), strict=True)
    found, expected = outputs(target, training), outputs(source, training)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
