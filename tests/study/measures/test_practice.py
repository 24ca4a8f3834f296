"""What habits around batch norm change in a net, and what they leave."""

import copy

import pytest
import torch
from torch import nn

from batchnorm.data import Normalization
from batchnorm.errors import InputError
from batchnorm.models import PlainNet, resnet20
from batchnorm.study.measures import (
    drop_in_front_of_classifier,
    drop_in_front_of_norms,
    give_biases,
    set_of_norms,
    with_inputs,
    zero_last_gammas,
)

X = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def small(**options) -> PlainNet:
    return PlainNet(10, 1, 8, width=2, depth=3, **options)


def test_biases_in_front_of_norms_change_no_output_and_get_no_gradient() -> None:
    net = small().double()
    other = copy.deepcopy(net)
    give_biases(other)
    assert torch.equal(net(X.double()), other(X.double()))
    other(X.double()).square().sum().backward()
    for name in ("conv1", "conv2", "conv3"):
        assert other.get_submodule(name).bias.grad.abs().max() < 1e-12


def test_all_norms_get_what_is_set_and_no_other_module() -> None:
    net = small()
    set_of_norms(net, momentum=0.5, eps=1e-3)
    assert {(vars(norm)["momentum"], vars(norm)["eps"]) for norm in (net.bn1, net.bn2, net.bn3)} == {(0.5, 1e-3)}
    assert not hasattr(net.conv1, "momentum")


def test_residual_blocks_whose_last_gammas_are_zero_are_their_shortcuts() -> None:
    net = resnet20(image_size=8, width=2).eval()
    zero_last_gammas(net)
    block = net.get_submodule("stage1.1")
    x = torch.rand(3, 2, 8, 8)
    assert torch.equal(block(x), x)


def test_a_net_without_residual_blocks_has_no_last_gammas() -> None:
    with pytest.raises(InputError, match=r"net: expected blocks that end in a BatchNormAdd2d, got PlainNet"):
        zero_last_gammas(small())


@pytest.mark.parametrize(("last_alone", "expected"), [(False, ["bn1", "bn2", "bn3"]), (True, ["bn3"])])
def test_dropout_stands_before_all_norms_or_the_last(last_alone: bool, expected: list[str]) -> None:
    net = small()
    drop_in_front_of_norms(net, 0.5, last_alone=last_alone)
    assert [name for name, module in net.named_modules() if module._forward_pre_hooks] == expected


@pytest.mark.parametrize("drop", [drop_in_front_of_norms, drop_in_front_of_classifier])
def test_evaluation_knows_nothing_of_dropout(drop) -> None:
    net = small().eval()
    expected = net(X)
    drop(net, 0.5)
    assert torch.equal(net(X), expected)
    assert not torch.equal(net.train()(X), net(X))


def test_there_is_no_dropout_before_a_classifier_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"net: expected a linear layer at its end, got Conv2d"):
        drop_in_front_of_classifier(nn.Conv2d(1, 1, 1), 0.5)


@pytest.mark.parametrize(("inputs", "factor"), [("min-max", 1 / 255), ("bytes", 1.0)])
def test_other_inputs_are_the_pixels_again(inputs, factor: float) -> None:
    pixels = torch.randint(256, (5, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    normalization = Normalization.of(pixels)
    seen = with_inputs(nn.Identity(), normalization, inputs)(normalization.apply(pixels))
    torch.testing.assert_close(seen, pixels.float() * factor, rtol=1e-5, atol=255e-6 * factor)


def test_z_scores_are_what_the_images_are_already() -> None:
    net = small()
    assert with_inputs(net, Normalization((0.5,), (0.2,)), "z-score") is net
