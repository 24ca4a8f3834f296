"""torch.compile without graph breaks and torch.export, where `momentum=None` breaks torch's own."""

import shutil

import pytest
import torch
from torch import nn

import batchnorm.nn as bn

from .references import Fed

COMPILER = shutil.which("g++") or shutil.which("clang++")
X = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
OPTIONS = [
    {},
    {"momentum": None},
    {"momentum": 0.0},
    {"affine": False, "activation": "relu"},
    {"bias": False, "activation": nn.PReLU()},
    {"track_running_stats": False},
]
ROUTES = ["auto", "composed", "native", "fused"]
LAYERS = [bn.BatchNorm2d, bn.BatchNormAdd2d, bn.BatchNormPool2d]
CASES = [
    *((bn.BatchNorm2d, options) for options in OPTIONS),
    *((make, options) for make in LAYERS[1:] for options in ({"momentum": None}, {"activation": nn.PReLU()})),
]


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def pair(make=bn.BatchNorm2d, **options):
    layers = [Fed(make(3, **options)) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    return layers


def run(function, layer, count=3):
    """Outputs and gradients of a few steps."""
    found = []
    for step in range(count):
        x = (X * (step + 1)).requires_grad_()
        y = function(x)
        y.square().sum().backward()
        found += [y.detach(), x.grad]
    return found + [p.grad for p in layer.parameters()]


def taken(make, options, route):
    """Whether the route takes the layer: `fused` knows a residual or a pool with ReLU alone."""
    return route != "fused" or make is bn.BatchNorm2d or "activation" not in options


@pytest.mark.parametrize(
    ("make", "options", "route", "training"),
    [
        pytest.param(*case, route, training, marks=() if training or route in ("auto", "fused") else pytest.mark.slow)
        for route in ROUTES
        for case in CASES
        if taken(*case, route)
        for training in (True, False)
    ],
    ids=str,
)
def test_a_full_graph_computes_and_moves_what_eager_does(make, options, training, route):
    eager, layer = pair(make, **options, route=route)
    eager.train(training)
    layer.train(training)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(run(compiled, layer), run(eager, eager))
    torch.testing.assert_close(layer.state_dict(), eager.state_dict())


def test_the_counter_does_not_make_the_graph_compile_again():
    layer, graphs = bn.BatchNorm2d(3, momentum=None), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    for _ in range(4):
        compiled(X)
    assert len(graphs) == 1
    assert layer.num_batches_tracked == 4


@pytest.mark.parametrize("route", [*(pytest.param(route, marks=pytest.mark.slow) for route in ROUTES[1:3]), "fused"])
@pytest.mark.parametrize("make", LAYERS)
def test_a_dynamic_batch_compiles_in_one_graph(make, route):
    eager, layer = pair(make, momentum=None, route=route)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=True)
    for n in (4, 3, 2):
        torch.testing.assert_close(compiled(X[:n]), eager(X[:n]))
    torch.testing.assert_close(layer.state_dict(), eager.state_dict())


# The compiler imports torch's mkldnn layers, which torch scripts itself, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="torch.compile on a CPU needs a C++ compiler")
@pytest.mark.parametrize("route", ["auto", "fused"])
@pytest.mark.parametrize("make", LAYERS)
def test_the_default_compiler_agrees_with_eager(make, route):
    eager, layer = pair(make, momentum=None, activation="relu", route=route)
    compiled = torch.compile(layer, fullgraph=True)
    torch.testing.assert_close(run(compiled, layer), run(eager, eager), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.state_dict(), eager.state_dict())


def test_errors_pass_through_a_compiled_layer():
    compiled = torch.compile(bn.BatchNorm2d(3), backend="aot_eager")
    with pytest.raises(ValueError, match=r"expected input of shape \(N, C, H, W\)"):
        compiled(X[0])


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("make", LAYERS)
def test_an_exported_program_computes_and_moves_what_eager_does(make, momentum, training, route):
    eager, layer = pair(make, momentum=momentum, activation="relu", route=route)
    eager.train(training)
    program = torch.export.export(layer.train(training), (X,)).module()
    for _ in range(2):
        torch.testing.assert_close(program(X), eager(X))
    torch.testing.assert_close(program.state_dict(), eager.state_dict())


@pytest.mark.parametrize("make", LAYERS)
def test_an_exported_program_takes_other_batch_sizes(make):
    layer = Fed(make(3, activation="relu")).eval()
    batch = torch.export.Dim("batch")
    program = torch.export.export(layer, (X,), dynamic_shapes=({0: batch},)).module()
    torch.testing.assert_close(program(X[:2]), layer(X[:2]))


@pytest.mark.parametrize("make", LAYERS)
def test_a_jit_trace_in_evaluation_is_right(make):
    layer = Fed(make(3, activation="relu")).eval()
    with pytest.warns(DeprecationWarning, match=r"torch\.jit\.trace"):
        traced = torch.jit.trace(layer, X)
    torch.testing.assert_close(traced(X[:2]), layer(X[:2]))
