"""Layers with a source in graphs: compiled whole, exported, traced by torch.fx and torch.jit."""

import copy
import shutil

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import batchnorm.nn as bn
from batchnorm.functional import batch_norm

from .layers import MASKED, SOURCES, Call, build, draw, inputs, takes

COMPILER = shutil.which("g++") or shutil.which("clang++")
KINDS = ["1d", "2d", "add", "pool"]
CASES = [(source, kind) for source in SOURCES for kind in KINDS if takes(kind, source)]


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("source", "training"),
    [*((source, True) for source in ("ghost:2", "renorm:2,1,10", "population", "masked")), ("blend:0.25", False)],
)
def test_a_full_graph_computes_and_moves_what_eager_does(source, training):
    """By the backend that computes on the way back what was not kept, as inductor does, but compiles nothing."""
    layer, eager = (build("2d", source)[0].train(training) for _ in range(2))
    given = inputs("2d", source)
    compiled = torch.compile(layer, backend="aot_eager_decomp_partition", fullgraph=True)
    torch.testing.assert_close(Call(layer, given, compiled).found, Call(eager, given).found)


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    ("source", "kind", "route", "backend"),
    [
        *((source, kind, "auto", "aot_eager") for source, kind in CASES),
        *((source, "2d", route, "aot_eager") for source in SOURCES for route in ("composed", "native")),
        *((source, "2d", "auto", "inductor") for source in SOURCES),
    ],
)
def test_every_layer_compiles_whole(source, kind, training, route, backend):
    layer, eager = (build(kind, source, route=route, activation="relu")[0].train(training) for _ in range(2))
    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    given = inputs(kind, source)
    torch.testing.assert_close(Call(layer, given, compiled).found, Call(eager, given).found)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["ghost:2", "renorm:2,1,10", "population", "masked"])
def test_other_batch_sizes_compile_whole_too(source):
    layer, eager = (build("1d", source)[0] for _ in range(2))
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    x, *mask = inputs("1d", source)
    for size in (5, 4, 3, 5):
        given = [x[:size], *(one[:size] for one in mask)]
        torch.testing.assert_close(compiled(*given), eager(*given))
    torch.testing.assert_close(dict(layer.state_dict()), dict(eager.state_dict()))


def test_the_counter_does_not_make_the_graph_compile_again():
    layer, graphs = build("2d", "renorm:2,1,10")[0], []

    def backend(graph, given):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    for _ in range(4):
        compiled(*inputs("2d", "renorm:2,1,10"))
    assert len(graphs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_a_compiled_function_takes_a_source(source):
    layer = build("2d", source)[0]
    x, *mask = inputs("2d", source)

    def call(x, mean, var, *mask):
        named = {"mask": mask[0]} if mask else {}
        counter = torch.tensor(4)
        return batch_norm(x, mean, var, training=True, moments=source, num_batches_tracked=counter, **named)

    states = [(layer.running_mean.clone(), layer.running_var.clone()) for _ in range(2)]
    y = torch.compile(call, backend="aot_eager", fullgraph=True)(x, *states[0], *mask)
    torch.testing.assert_close(y, call(x, *states[1], *mask))
    torch.testing.assert_close(*states)


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning")
@pytest.mark.parametrize("source", SOURCES)
def test_an_exported_program_computes_the_evaluation(source):
    layer = build("2d", source)[0].eval()
    given = inputs("2d", source)
    program = torch.export.export(layer, given)
    torch.testing.assert_close(program.module()(*given), layer(*given))
    assert not any("batchnorm" in str(node.target) for node in program.graph.nodes if node.op == "call_function")


@pytest.mark.parametrize("source", ["ghost:2", "blend:0.25", "masked"])
def test_an_exported_program_takes_batches_of_another_size(source):
    layer = build("1d", source)[0].eval()
    given = inputs("1d", source)
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(layer, given, dynamic_shapes=[{0: batch}] * len(given))
    other = [torch.cat([one, one.flip(0)]) for one in given]
    torch.testing.assert_close(program.module()(*other), layer(*other))


class Net(nn.Module):
    """A layer as a part of a model, with a mask as its second input where it takes one."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x) * 2


class MaskedNet(Net):
    def forward(self, x, mask):
        return self.layer(x, mask) * 2


def net(source, **options):
    layer, _ = build("2d", source, **options)
    return (MaskedNet if source in MASKED else Net)(layer)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_torch_fx_keeps_the_layer_as_a_node(source, training):
    model, given = net(source).train(training), inputs("2d", source)
    twin = copy.deepcopy(model)
    graph = torch.fx.symbolic_trace(model)
    assert [node.target for node in graph.graph.nodes if node.op == "call_module"] == ["layer"]
    assert len([node for node in graph.graph.nodes if node.op == "placeholder"]) == len(given)
    torch.testing.assert_close(graph(*given), twin(*given))
    torch.testing.assert_close(dict(graph.named_buffers()), dict(twin.named_buffers()))
    assert graph.layer.moments == twin.layer.moments


@pytest.mark.parametrize("source", SOURCES)
def test_a_traced_function_records_the_source(source):
    layer, (x, *mask) = build("2d", source)[0], inputs("2d", source)
    state = layer.running_mean, layer.running_var

    def plain(x):
        return batch_norm(x, *state, moments=source)

    def with_mask(x, mask):
        return batch_norm(x, *state, moments=source, mask=mask)

    call = with_mask if mask else plain
    graph = torch.fx.symbolic_trace(call)
    torch.testing.assert_close(graph(x, *mask), call(x, *mask))
    node = next(node for node in graph.graph.nodes if node.op == "call_function")
    assert node.target is batch_norm
    assert node.kwargs["moments"] == source


@pytest.mark.filterwarnings("ignore:`torch.jit.trace`:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.trace_method`:DeprecationWarning")
@pytest.mark.parametrize("source", SOURCES)
def test_torch_jit_traces_the_evaluation(source):
    layer, given = build("2d", source)[0].eval(), inputs("2d", source)
    traced = torch.jit.trace(layer, given)
    other = [torch.cat([one, one]) for one in given]
    torch.testing.assert_close(traced(*other), layer(*other))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace`:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.trace_method`:DeprecationWarning")
def test_torch_jit_traces_no_slices():
    layer, given = build("2d", "ghost:2")[0], inputs("2d", "ghost:2")
    with pytest.raises(
        RuntimeError, match=r"'ghost:2' cannot be traced by torch.jit, which takes the slices of one batch"
    ):
        torch.jit.trace(layer, given)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
@pytest.mark.parametrize("source", SOURCES[1:])
def test_torch_jit_script_refuses_a_source(source):
    layer, _ = build("2d", source)
    with pytest.raises(RuntimeError, match=r"expected moments='batch', got '.*'. Call batchnorm.nn.set_moments\(model"):
        torch.jit.script(layer)


@pytest.mark.parametrize("source", SOURCES[1:])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_nobody_synchronizes_a_layer_and_drops_its_source(source, training):
    model = nn.Sequential(bn.BatchNorm2d(3, moments=source)).train(training)
    with pytest.raises(RuntimeError, match=r"would drop moments='.*' of this layer"):
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert type(model[0]) is bn.BatchNorm2d


@pytest.mark.parametrize("source", ["ghost:2", "renorm", "population", "population:none"])
def test_what_is_batch_norm_in_evaluation_is_fused_by_torch(source):
    layer, (x,) = build("2d", source)[0].eval(), inputs("2d", source)
    conv = nn.Conv2d(3, 3, 1, dtype=torch.float64).eval()
    torch.testing.assert_close(nn.utils.fuse_conv_bn_eval(conv, layer)(x), layer(conv(x)))


@pytest.mark.parametrize("source", ["blend:0.25", *MASKED])
def test_what_is_another_norm_in_evaluation_is_fused_by_nobody(source):
    layer, conv = build("2d", source)[0].eval(), nn.Conv2d(3, 3, 1, dtype=torch.float64).eval()
    with pytest.raises(RuntimeError, match=r"would drop moments='.*' of this layer"):
        nn.utils.fuse_conv_bn_eval(conv, layer)


@pytest.mark.parametrize("source", SOURCES)
def test_a_layer_is_seen_under_a_dispatch_mode(source):
    """Quantizers, profilers and tracers look at every operator."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Looks(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    layer, twin, given = build("2d", source)[0], build("2d", source)[0], inputs("2d", source)
    with Looks():
        y = layer(*given)
    torch.testing.assert_close(y, twin(*given))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("source", SOURCES)
def test_recorded_operators_compute_other_batches(source, training):
    """And with other masks, whose valid places are as many as they are."""
    x, *mask = inputs("2d", source)
    state = draw(3), draw(3).abs() + 0.1

    def call(x, mean, var, *mask):
        named = {"mask": mask[0]} if mask else {}
        options = {"training": training, "moments": source, "num_batches_tracked": torch.tensor(4)}
        return batch_norm(x, mean.clone(), var.clone(), **options, **named)

    recorded = make_fx(call)(x, *state, *mask)
    other = [x * 2 + 1, *state, *(~one for one in mask)]
    torch.testing.assert_close(recorded(*other), call(*other))


@pytest.mark.parametrize("source", SOURCES)
def test_fake_tensors_go_through_a_layer_in_training(source):
    """Estimators of memory and time run models on tensors without numbers."""
    with FakeTensorMode():
        x = torch.randn(6, 3, 4, 4, requires_grad=True)
        mask = (torch.ones(6, 4, 4, dtype=torch.bool),) if source in MASKED else ()
        bn.BatchNorm2d(3, moments=source)(x, *mask).sum().backward()
        assert x.grad.shape == x.shape


@pytest.mark.parametrize("source", SOURCES)
def test_a_layer_on_the_meta_device_gives_shapes(source):
    layer = build("2d", source)[0].to("meta")
    assert layer(*(one.to("meta") for one in inputs("2d", source))).shape == (5, 3, 4, 5)
