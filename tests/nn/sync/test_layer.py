"""`SyncBatchNorm` in one process: torch's arguments and state, copies, tools, and what it is told to refuse."""

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn

import batchnorm
import batchnorm.nn as bn

SHAPES = [(7, 4), (7, 4, 5), (7, 4, 5, 6), (3, 4, 2, 3, 2)]
TWINS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_it_takes_torchs_arguments_in_torchs_order():
    ours, torchs = (list(inspect.signature(kind).parameters) for kind in (bn.SyncBatchNorm, nn.SyncBatchNorm))
    assert ours == [*torchs, "activation", "route"]


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"bias": False}, {"track_running_stats": False}], ids=str)
def test_its_state_is_torchs_and_loads_strictly_both_ways(options):
    ours, torchs = bn.SyncBatchNorm(4, **options), nn.SyncBatchNorm(4, **options)
    ours(draw(3, 4, 2))
    torchs.load_state_dict(ours.state_dict(), strict=True)
    again = bn.SyncBatchNorm(4, **options)
    again.load_state_dict(torchs.state_dict(), strict=True)
    torch.testing.assert_close(dict(again.state_dict()), dict(ours.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"track_running_stats": False}, {"momentum": None}], ids=str
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_without_a_process_group_it_is_torchs_plain_norm_of_any_axes(shape, training, options):
    ours, twin = bn.SyncBatchNorm(4, **options), TWINS[len(shape)](4, **options)
    for layer in (ours, twin):
        layer(draw(*shape) * 2 + 1)
        layer.train(training)
    x, other = draw(*shape).requires_grad_(), draw(*shape).requires_grad_()
    y, expected = ours(x), twin(other)
    y.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close((y, x.grad), (expected, other.grad))
    torch.testing.assert_close(dict(ours.state_dict()), dict(twin.state_dict()))


@pytest.mark.parametrize("shape", [(4,), (2, 4, 1, 1, 1, 1)], ids=str)
def test_inputs_of_other_axes_are_refused(shape):
    with pytest.raises(ValueError, match="SyncBatchNorm: expected input of shape"):
        bn.SyncBatchNorm(4)(torch.zeros(shape))


def test_one_value_per_channel_is_refused_as_in_torch():
    with pytest.raises(ValueError, match="expected more than 1 value per channel when training"):
        bn.SyncBatchNorm(4)(torch.zeros(1, 4))


@pytest.mark.parametrize("group", ["world", 3, [0, 1]], ids=repr)
def test_what_is_no_process_group_is_refused(group):
    with pytest.raises(TypeError, match=r"Sync: group: expected a process group of torch\.distributed"):
        bn.SyncBatchNorm(4, process_group=group)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])  # noqa: S301  # our own
def test_a_copy_is_the_same_layer_told_apart_from_it(again):
    layer = bn.SyncBatchNorm(4, activation="relu", route="composed")
    other = again(layer)
    assert str(other) == str(layer)
    assert other.moments == layer.moments == bn.Sync()
    assert int(other.moments.mark) != int(layer.moments.mark)


def test_layers_that_are_given_one_source_are_told_apart():
    net = nn.Sequential(bn.BatchNorm1d(4), bn.BatchNorm1d(4))
    assert bn.set_moments(net, "sync") == 2
    assert int(net[0].moments.mark) != int(net[1].moments.mark)


def test_a_layer_that_gets_its_own_source_back_stays_the_norm_that_it_was():
    layer = bn.SyncBatchNorm(4)
    source = layer.moments
    layer.moments = "batch"
    layer.moments = source
    assert layer.moments is source


def test_the_process_group_is_that_of_its_moments():
    layer = bn.SyncBatchNorm(4)
    layer.moments = "ghost:2"
    assert layer.process_group is None
    layer.process_group = None
    assert layer.moments == bn.Sync()


def test_it_folds_as_a_plain_norm():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), bn.SyncBatchNorm(4, activation="relu"))
    net(draw(5, 3, 2, 2) * 3)
    x = draw(5, 3, 2, 2)
    expected = net.eval()(x)
    report = batchnorm.fold(net, x)
    assert [norm.outcome for norm in report.norms] == ["folded"]
    torch.testing.assert_close(net(x), expected)


def test_fx_records_it_as_one_call_of_a_module():
    graph = torch.fx.symbolic_trace(nn.Sequential(bn.SyncBatchNorm(4))).graph
    assert [node.op for node in graph.nodes] == ["placeholder", "call_module", "output"]


@pytest.mark.filterwarnings(r"ignore:`torch\.jit\.\w+` is deprecated:DeprecationWarning")
def test_torchscript_is_refused_with_the_reason():
    with pytest.raises(RuntimeError, match="expected moments='batch', got 'sync'"):
        torch.jit.script(bn.SyncBatchNorm(4))


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_what_is_exported_by_one_process_is_of_torchs_operators(mode):
    layer = bn.SyncBatchNorm(4)
    layer = getattr(layer, mode)()
    program = torch.export.export(layer, (draw(3, 4, 2),))
    assert [node for node in program.graph.nodes if "batchnorm." in str(node.target)] == []


def test_torchs_converter_is_told_that_it_would_lose_the_moments():
    with pytest.raises(RuntimeError, match="moments='sync' of this layer"):
        nn.SyncBatchNorm.convert_sync_batchnorm(bn.SyncBatchNorm(4))
