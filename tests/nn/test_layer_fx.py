"""torch.fx: a layer is one call of it in the graph, in training and in evaluation, for whoever traces."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.fx import Proxy, Tracer, symbolic_trace
from torch.fx.passes.split_module import split_module
from torch.nn.utils import parametrize

import batchnorm.nn as bn

from .references import Fed

IMAGES = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))


class Doubled(bn.BatchNorm2d):
    """A layer of somebody's own, who does things before and behind ours."""

    def __init__(self, channels, **options):
        super().__init__(channels, **options)
        self.act = nn.PReLU()

    def forward(self, x):
        return self.act(super().forward(x * 2)) + 1


class PooledLater(bn.BatchNormPool2d):
    def forward(self, x):
        return super().forward(x + 1)


def image_net(layer):
    return nn.Sequential(nn.Conv2d(3, 4, 1), Fed(layer))


def with_hooks(layer):
    layer.register_forward_pre_hook(double)
    layer.register_forward_hook(add_one)
    return layer


def double(_module, arguments):
    return (arguments[0] * 2,)


def add_one(_module, _arguments, output):
    return output + 1


def with_own_forward(layer):
    inner = layer.forward
    layer.forward = lambda x: inner(x) * 3
    return layer


WHOLE = {
    "plain": lambda: image_net(bn.BatchNorm2d(4)),
    "cumulative": lambda: image_net(bn.BatchNorm2d(4, momentum=None, activation="relu")),
    "module": lambda: image_net(bn.BatchNorm2d(4, activation=nn.PReLU())),
    "function": lambda: image_net(bn.BatchNorm2d(4, activation=torch.square)),
    "untracked": lambda: image_net(bn.BatchNorm2d(4, track_running_stats=False)),
    "add": lambda: image_net(bn.BatchNormAdd2d(4)),
    "add, module": lambda: image_net(bn.BatchNormAdd2d(4, activation=nn.PReLU())),
    "pool": lambda: image_net(bn.BatchNormPool2d(4)),
    "pool, module": lambda: image_net(bn.BatchNormPool2d(4, activation=nn.PReLU())),
    "1d": lambda: nn.Sequential(nn.Flatten(2), bn.BatchNorm1d(3)),
    "3d": lambda: nn.Sequential(nn.Unflatten(1, (1, 3)), bn.BatchNorm3d(1)),
    "scale and shift": lambda: image_net(bn.ScaleShift(torch.ones(4), None, activation="relu", axes=(4,))),
    "tail": lambda: image_net(bn.Tail(bn.ScaleShift(None, torch.ones(4), axes=(4,)), "relu", kernel_size=2)),
}
AROUND = {
    "a subclass": lambda: image_net(Doubled(4, activation="relu")),
    "a subclass with a pool": lambda: image_net(PooledLater(4, activation=nn.PReLU())),
    "hooks": lambda: image_net(with_hooks(bn.BatchNorm2d(4, activation=nn.PReLU()))),
    "hooks of an add": lambda: image_net(with_hooks_of_two(bn.BatchNormAdd2d(4))),
}


def with_hooks_of_two(layer):
    layer.register_forward_pre_hook(lambda _, arguments: (arguments[0] * 2, arguments[1]))
    return layer


def check_steps(model, reference, modes=(True, False, True)):
    """Both compute the same, and move the same state, through changes of the mode."""
    for training in modes:
        model.train(training)
        reference.train(training)
        torch.testing.assert_close(model(IMAGES), reference(IMAGES), rtol=0, atol=0)
    torch.testing.assert_close(dict(model.state_dict()), dict(reference.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", WHOLE | AROUND)
def test_a_trace_computes_and_moves_what_the_model_does_in_both_modes(case, training):
    model = (WHOLE | AROUND)[case]().train(training)
    traced = symbolic_trace(copy.deepcopy(model))
    traced.graph.lint()
    check_steps(traced, model)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", WHOLE)
def test_a_layer_is_one_node(case, training):
    model = WHOLE[case]().train(training)
    names = [name for name, module in model.named_modules() if type(module).__module__.startswith("batchnorm.nn.")]
    traced = symbolic_trace(model)
    assert names[0] in [node.target for node in traced.graph.nodes if node.op == "call_module"]
    assert traced.get_submodule(names[0]) is model.get_submodule(names[0])


AGAIN = {
    "pickled": lambda traced: pickle.loads(pickle.dumps(traced)),  # noqa: S301  # ours
    "copied": copy.deepcopy,
    "traced": symbolic_trace,
    "transformed": lambda traced: torch.fx.Transformer(traced).transform(),
}


@pytest.mark.parametrize("way", AGAIN)
@pytest.mark.parametrize("case", ["cumulative", "add", "a subclass"])
def test_a_trace_survives(case, way):
    model = (WHOLE | AROUND)[case]()
    check_steps(AGAIN[way](symbolic_trace(copy.deepcopy(model))), model)


def test_tracing_moves_nothing():
    model = WHOLE["plain"]()
    before = copy.deepcopy(model.state_dict())
    symbolic_trace(model)
    torch.testing.assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)


def test_a_forward_that_was_put_on_the_layer_is_recorded_once():
    model = image_net(with_own_forward(bn.BatchNorm2d(4)))
    expected = model(IMAGES)
    model[1].layer.reset_running_stats()
    torch.testing.assert_close(symbolic_trace(model)(IMAGES), expected, rtol=0, atol=0)


def test_gradients_pass_through_a_trace():
    model = WHOLE["add"]()
    copied = symbolic_trace(copy.deepcopy(model))
    for net in (model, copied):
        net(IMAGES).square().sum().backward()
    for one, other in zip(model.parameters(), copied.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)


def test_keyword_arguments_arrive():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = bn.BatchNorm2d(3), bn.BatchNormAdd2d(3)

        def forward(self, x):
            return self.last(residual=x, input=self.first(input=x))

    model = Net()
    check_steps(symbolic_trace(copy.deepcopy(model)), model)


def test_a_lazy_layer_takes_its_channels_when_the_graph_runs():
    lazy, model = (nn.Sequential(nn.Conv2d(3, 4, 1), layer) for layer in (bn.LazyBatchNorm2d(), bn.BatchNorm2d(4)))
    lazy[0].load_state_dict(model[0].state_dict())
    traced = symbolic_trace(lazy)
    assert lazy[1].has_uninitialized_params()
    torch.testing.assert_close(traced(IMAGES), model(IMAGES), rtol=0, atol=0)
    assert type(traced.get_submodule("1")) is bn.BatchNorm2d
    torch.testing.assert_close(dict(lazy.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("make", [bn.BatchNorm2d, Doubled, bn.BatchNormPool2d])
def test_a_layer_that_is_the_model_itself_is_right_in_evaluation(make):
    layer = make(3, activation="silu").eval()
    torch.testing.assert_close(symbolic_trace(layer)(IMAGES), layer(IMAGES), rtol=0, atol=0)


@pytest.mark.parametrize("make", [bn.BatchNorm2d, Doubled, bn.BatchNormPool2d, bn.BatchNormAdd2d])
def test_a_layer_that_is_the_model_itself_is_refused_in_training(make):
    layer = make(3)
    with pytest.raises(RuntimeError, match=r"one that is the model itself.*torch\.nn\.Sequential\(layer\)"):
        symbolic_trace(layer)
    assert layer.num_batches_tracked == 0


def test_hooks_of_the_backward_stay_with_the_layer():
    model, seen = WHOLE["plain"](), []
    model[1].layer.register_full_backward_hook(lambda *_: seen.append("backward"))
    with pytest.warns(UserWarning, match="For backward hooks to be called"):  # while it traces, torch says so
        traced = symbolic_trace(model)
    traced(IMAGES).sum().backward()
    assert seen == ["backward"]


def test_a_hook_of_the_old_kind_is_refused_as_tracing_would_not_end():
    model = WHOLE["plain"]()
    model[1].layer.register_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match=r"expected no hook of register_backward_hook.*register_full_backward_hook"):
        symbolic_trace(model)


def test_a_parametrized_layer_is_one_node():
    model = nn.Sequential(bn.BatchNorm2d(3))
    parametrize.register_parametrization(model[0], "weight", nn.Softplus())
    traced = symbolic_trace(copy.deepcopy(model))
    assert [node.op for node in traced.graph.nodes] == ["placeholder", "call_module", "output"]
    check_steps(traced, model)


def test_removing_what_a_graph_does_not_use_keeps_an_activation_that_it_does():
    model = AROUND["a subclass with a pool"]()
    traced = symbolic_trace(copy.deepcopy(model))
    traced.delete_all_unused_submodules()
    traced.graph.eliminate_dead_code()
    traced.recompile()
    check_steps(traced, model)


def test_a_graph_is_split_between_our_layers():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), Doubled(4), nn.ReLU(), bn.BatchNorm2d(4, activation="relu"))
    traced = symbolic_trace(copy.deepcopy(model))
    parts = {node.name: number for number, node in enumerate(traced.graph.nodes)}
    halves = split_module(traced, traced, lambda node: int(parts[node.name] > len(parts) - 4))
    torch.testing.assert_close(halves(IMAGES), model(IMAGES), rtol=0, atol=0)
    torch.testing.assert_close(dict(traced.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


class WithMeta(Proxy):
    """A proxy that carries more than a node, as those of libraries for language models do."""

    shape = torch.Size([4, 3, 6, 6])


class MetaTracer(Tracer):
    def proxy(self, node):
        return WithMeta(node, self)


class EverythingTracer(Tracer):
    """A tracer for which no module is a leaf."""

    def is_leaf_module(self, m, module_qualified_name):
        return False


class LeafTracer(Tracer):
    def is_leaf_module(self, m, module_qualified_name):
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


@pytest.mark.parametrize("tracer", [MetaTracer, EverythingTracer, LeafTracer])
@pytest.mark.parametrize("training", [True, False])
def test_tracers_of_others_record_the_layer_as_a_node(tracer, training):
    model = nn.Sequential(bn.BatchNorm2d(3, activation="relu")).train(training)
    traced = torch.fx.GraphModule(copy.deepcopy(model), tracer().trace(model))
    assert ("call_module", "0") in [(node.op, node.target) for node in traced.graph.nodes]
    check_steps(traced, model)
