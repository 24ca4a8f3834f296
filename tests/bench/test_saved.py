"""Are the bytes kept for backward those that counting by hand gives?"""

import gc

import torch
from torch import nn

from batchnorm.bench import saved_bytes
from batchnorm.bench._saved import state_of


def kept(net: nn.Module, x: torch.Tensor) -> int:
    return saved_bytes(lambda: net(x).sum(), state_of(net))


def test_a_linear_layer_keeps_its_input_and_relu_its_output() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    assert kept(net, torch.randn(10, 4)) == 4 * 10 * 4 + 4 * 10 * 3


def test_a_tensor_that_two_layers_keep_counts_once() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    # The second layer's input is the ReLU's output.
    assert kept(net, torch.randn(10, 4)) == 4 * 10 * 4 + 4 * 10 * 3


def test_torchs_norm_keeps_its_input_and_two_numbers_per_channel() -> None:
    net = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    x = torch.randn(2, 3, 5, 5)
    assert kept(net, x) == 2 * 4 * x.numel() + 2 * 4 * 3


def test_a_view_counts_as_the_storage_that_it_keeps_alive() -> None:
    whole = torch.randn(100, requires_grad=True)
    assert saved_bytes(lambda: whole[:10].exp().sum()) == 4 * 10  # the result of exp
    assert saved_bytes(lambda: whole[:10].square().sum()) == 4 * 100  # its input, a view


def test_parameters_are_apart_but_not_what_is_like_them() -> None:
    net = nn.Linear(4, 3, bias=False)
    x = torch.randn(10, 4, requires_grad=True)
    assert kept(net, x) == 4 * 10 * 4
    assert saved_bytes(lambda: net(x).sum()) == 4 * 10 * 4 + 4 * 4 * 3


def test_nothing_is_left_behind() -> None:
    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    x = torch.randn(1000, requires_grad=True)
    before = tensors()
    saved_bytes(lambda: x.exp().sigmoid().sum())
    assert tensors() == before
