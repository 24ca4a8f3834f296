"""Does a training take the route that was asked for, or say why it cannot?"""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.functional import ROUTES
from batchnorm.models import ConvBNNet
from batchnorm.nn import BatchNorm1d, BatchNorm2d
from batchnorm.training import fit
from batchnorm.training._proof import prove_takes


def routes(net: nn.Module) -> list[str]:
    return [module.route for module in net.modules() if isinstance(getattr(module, "route", None), str)]


@pytest.mark.parametrize("route", sorted({"composed", "native"} & set(ROUTES)))
def test_every_layer_takes_the_route_that_was_asked_for(few, quick, route: str) -> None:
    trained = fit(replace(quick, route=route, epochs=1), source=few)
    assert routes(trained.model) == [route] * 2  # ema_decay: the average has it too


def test_both_routes_come_to_the_same_loss(few, quick) -> None:
    quick = replace(quick, epochs=1, ema_decay=0.0, lr=0.01)
    one, other = (fit(replace(quick, route=route), source=few).history[0] for route in ("composed", "native"))
    assert one.train_loss == pytest.approx(other.train_loss, rel=1e-3)


def test_auto_leaves_an_own_net_the_routes_that_it_came_with(few, quick) -> None:
    net = ConvBNNet(width=4)
    for module in net.modules():
        if isinstance(module, BatchNorm2d):
            module.route = "composed"
    before = routes(net)
    fit(replace(quick, epochs=1), model=net, source=few)
    assert routes(net) == before


@pytest.mark.parametrize("norm", ["torch", "none"])
def test_a_route_by_name_needs_a_norm_of_this_package(few, quick, norm: str) -> None:
    with pytest.raises(InputError, match=rf"route: 'native' was asked for, .* \(norm: '{norm}'\)\. Use route='auto'"):
        fit(replace(quick, route="native", norm=norm), source=few)
    assert few.loaded == []


class Picky(BatchNorm1d):
    """Computes by no route that is asked for by name."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.route != "auto":
            raise RuntimeError("route 'native': needs what is not there. Install it.")
        return super().forward(x)


def picky_net(image_size: int = 28) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(image_size**2, 8), Picky(8), nn.Linear(8, 10))


def test_a_route_that_cannot_compute_the_net_is_told_before_images_are_read(few, quick) -> None:
    said = (
        r"^route: 'native' cannot compute this net, 'auto' can: route 'native': needs what is not there\. Install it\.$"
    )
    with pytest.raises(InputError, match=said):
        fit(replace(quick, route="native"), model=picky_net(), source=few)
    assert few.loaded == []


def test_the_net_is_at_fault_where_no_route_can_compute_it(few, quick) -> None:
    with pytest.raises(InputError, match="model: the net cannot take few"):
        fit(replace(quick, route="native"), model=picky_net(image_size=32), source=few)


def test_a_lazy_net_takes_the_route_too(few, quick) -> None:
    from batchnorm.nn import LazyBatchNorm1d

    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(8), LazyBatchNorm1d(), nn.LazyLinear(10))
    assert routes(fit(replace(quick, route="composed", epochs=1), model=net, source=few).model) == ["composed"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_proof_runs_in_the_layout_of_the_training(few, quick, channels: int, channels_last: bool) -> None:
    """With one channel the two layouts of an image are the same: the layout of the weights decides what follows."""
    seen = []

    class Looking(BatchNorm2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.is_contiguous(memory_format=torch.channels_last))
            return super().forward(x)

    net = nn.Sequential(Looking(channels), nn.Conv2d(channels, 4, 3), Looking(4), nn.Flatten(), nn.LazyLinear(10))
    net(torch.zeros(2, channels, 28, 28))
    seen.clear()
    source = SimpleNamespace(info=replace(few.info, in_channels=channels))
    prove_takes(net, source, replace(quick, channels_last=channels_last), torch.device("cpu"))
    assert seen == [channels_last or channels == 1, channels_last]
