"""Does one call set the route of all our layers, and of nothing else?"""

import pytest
import torch
from torch import nn

from batchnorm.functional import ROUTES
from batchnorm.models import ConvBNNet, resnet20
from batchnorm.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    BatchNormAdd2d,
    BatchNormPool2d,
    LazyBatchNorm2d,
    set_route,
)

OURS = [
    BatchNorm1d(2),
    BatchNorm2d(2),
    BatchNorm3d(2),
    BatchNormAdd2d(2),
    BatchNormPool2d(2),
    LazyBatchNorm2d(),
]


@pytest.mark.parametrize("route", ["auto", *ROUTES])
@pytest.mark.parametrize("layer", OURS, ids=lambda layer: type(layer).__name__)
def test_every_layer_of_ours_is_set_and_counted(layer: nn.Module, route: str) -> None:
    assert set_route(layer, route) == 1
    assert layer.route == route


@pytest.mark.parametrize(("net", "norms"), [(ConvBNNet, 2), (resnet20, 19)])
def test_all_norms_of_a_net_are_set(net, norms: int) -> None:
    """resnet20 has one norm behind its first convolution and two in each of nine blocks; its shortcuts have none."""
    assert set_route(net(), "composed") == norms


def test_other_layers_are_left_alone_and_a_shared_one_counts_once() -> None:
    shared = BatchNorm2d(3)
    net = nn.Sequential(shared, nn.BatchNorm2d(3), shared, nn.ReLU())
    assert set_route(net, "native") == 1
    assert not hasattr(net[1], "route")
    assert set_route(nn.Sequential(nn.BatchNorm2d(3)), "native") == 0


def test_a_call_takes_the_route_that_was_set() -> None:
    x, net = torch.randn(4, 3), nn.Sequential(BatchNorm1d(3))
    set_route(net, "composed")
    composed = net(x)
    set_route(net, "native")
    torch.testing.assert_close(net(x), composed)
    assert "Native" in names_of_graph(net(x))
    assert "Native" not in names_of_graph(composed)


def names_of_graph(output: torch.Tensor) -> str:
    """The names of the autograd nodes behind `output`."""
    found, queue = [], [output.grad_fn]
    while queue:
        node = queue.pop()
        found.append(node.name())
        queue += [parent for parent, _ in node.next_functions if parent is not None]
    return " ".join(found)


@pytest.mark.parametrize("route", ["nativ", "fusd"])
def test_an_unknown_route_is_refused_and_changes_nothing(route: str) -> None:
    net = ConvBNNet()
    set_route(net, "native")
    with pytest.raises(ValueError, match=rf"route: expected a known name, got '{route}'\..* Known: auto, composed, "):
        set_route(net, route)
    assert all(module.route == "native" for module in net.modules() if isinstance(module, BatchNorm2d))


def test_a_route_that_is_no_name_is_refused() -> None:
    with pytest.raises(TypeError, match="route: expected a name, got None"):
        set_route(ConvBNNet(), None)
