"""`SyncBatchNorm.convert_sync_batchnorm` against torch's: the same layers, and what torch's would lose."""

import copy

import pytest
import torch
from torch import nn

import batchnorm
import batchnorm.nn as bn

convert = bn.SyncBatchNorm.convert_sync_batchnorm


def make():
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=1e-3, momentum=None), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5)
    return nn.Sequential(*layers, nn.BatchNorm1d(5, affine=False), nn.Linear(5, 5), nn.BatchNorm1d(5, bias=False))


def draw():
    return torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def test_it_computes_what_the_model_computed_and_keeps_its_keys():
    net, twin = make(), make()
    assert convert(net) is net
    assert [type(net[place]) for place in (1, 5, 7)] == [bn.SyncBatchNorm] * 3
    for mode in (True, False):
        torch.testing.assert_close(net.train(mode)(draw()), twin.train(mode)(draw()))
    torch.testing.assert_close(dict(net.state_dict()), dict(twin.state_dict()))


def test_what_is_set_is_what_torchs_sets():
    ours, torchs = convert(make()), nn.SyncBatchNorm.convert_sync_batchnorm(make())
    names = ("num_features", "momentum", "affine", "track_running_stats", "training", "process_group")
    for place in (1, 5, 7):
        assert [getattr(ours[place], name) for name in names] == [getattr(torchs[place], name) for name in names]
        assert vars(ours[place])["eps"] == torchs[place].eps


def test_parameters_buffers_modes_and_hooks_are_the_same_objects():
    net, heard = make(), []
    norm = net[1].eval()
    handle = norm.register_forward_hook(lambda *_: heard.append(1))
    held = [norm.weight, norm.bias, norm.running_mean, norm.num_batches_tracked]
    norm.qconfig = "mine"
    new = convert(net)[1]
    assert [
        a is b for a, b in zip([new.weight, new.bias, new.running_mean, new.num_batches_tracked], held, strict=True)
    ]
    assert not new.training
    assert new.qconfig == "mine"
    net(draw())
    handle.remove()
    net(draw())
    assert heard == [1]


def test_a_norm_itself_becomes_a_new_layer():
    norm = nn.BatchNorm3d(4)
    new = convert(norm)
    assert type(new) is bn.SyncBatchNorm
    assert new.weight is norm.weight
    assert type(norm) is nn.BatchNorm3d


def test_a_norm_in_two_places_stays_one():
    norm = nn.BatchNorm2d(3)
    net = convert(nn.Sequential(norm, nn.Sequential(norm)))
    assert net[0] is net[1][0]


def test_layers_of_this_package_keep_what_they_do_besides():
    residual = bn.BatchNormAdd2d(4)
    net = nn.ModuleList([bn.BatchNorm2d(4, activation="silu", route="composed"), residual, bn.LazyBatchNorm2d()])
    net.append(bn.BatchNorm2d(4, activation=nn.PReLU()))
    slope = net[3].activation
    convert(net)
    assert (type(net[0]), net[0].activation, net[0].route) == (bn.SyncBatchNorm, "silu", "composed")
    assert net[1] is residual
    assert net[3].activation is slope
    net[2](torch.randn(2, 4, 2, 2))
    assert [layer.moments for layer in net] == [bn.Sync()] * 4


def test_layers_of_torchs_synchronized_kind_become_ours():
    net = convert(nn.SyncBatchNorm.convert_sync_batchnorm(make()))
    assert type(net[1]) is bn.SyncBatchNorm
    net(draw())


def test_a_frozen_norm_stays_frozen():
    net = make()
    batchnorm.freeze(net)
    net = convert(net).train()
    before = copy.deepcopy(net.state_dict())
    net(draw())
    torch.testing.assert_close(dict(net.state_dict()), dict(before), rtol=0, atol=0)


class Own(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x) + 1


@pytest.mark.parametrize(
    ("norm", "reason"),
    [
        (Own(4), r"1 \(Own\) would lose its forward, which is its own. Convert it by batchnorm.convert"),
        (nn.LazyBatchNorm2d(), "would lose its being lazy. Run one batch through the model first"),
        (bn.GhostBatchNorm2d(4, 2), "would lose moments='ghost:2'. Call set_moments"),
        (bn.BatchNorm2d(4, moments="renorm"), "would lose moments='renorm'"),
    ],
    ids=["own forward", "lazy", "ghost", "renorm"],
)
def test_a_norm_that_would_lose_something_is_refused_and_the_model_left(norm, reason):
    net = nn.Sequential(nn.BatchNorm2d(4), norm)
    with pytest.raises(RuntimeError, match=reason):
        convert(net)
    assert type(net[0]) is nn.BatchNorm2d
    assert net[1] is norm


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"convert_sync_batchnorm: module must be a torch\.nn\.Module, got str"):
        convert("net")
