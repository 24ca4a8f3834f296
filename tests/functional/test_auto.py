"""Which route does `auto` take, in eager mode, in a compiled graph and in an exported program?"""

import pytest
import torch

from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool, route_table
from batchnorm.functional._pays import FEWEST_COLUMNS, FEWEST_EVALUATED, FEWEST_ROWS

LARGE = FEWEST_EVALUATED
"""So many values are enough for the kernels in every layout and mode."""


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


def images(values):
    """Images (2, 16, H, W) of that many values; of a few less if they are not divisible."""
    return torch.zeros(2, 16, 32, values // 1024).normal_(generator=torch.Generator().manual_seed(0))


def norm(x, *, training=True, activation=None, route="auto"):
    channels = x.shape[1]
    return batch_norm(
        x, torch.zeros(channels), torch.ones(channels), training=training, activation=activation, route=route
    )


def route_of(y):
    """Which route computed `y`, by the autograd nodes behind it."""
    names, queue = set(), [y.grad_fn]
    while queue:
        node = queue.pop()
        names.add(node.name())
        queue += [parent for parent, _ in node.next_functions if parent is not None]
    if any(name.startswith("_Plain") or "fused" in name for name in names):
        return "fused"
    return "native" if any("NativeBatchNorm" in name for name in names) else "composed"


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_the_nodes_tell_the_route(route):
    assert route_of(norm(images(4096).requires_grad_(), route=route)) == route


SIZES = {
    "contiguous": (lambda x: x, True, FEWEST_ROWS),
    "(N, C, L)": (lambda x: x.flatten(2), True, FEWEST_ROWS),
    "channels_last": (channels_last, True, FEWEST_COLUMNS),
    "(N, C)": (lambda x: x.reshape(-1, 16), True, FEWEST_COLUMNS),
    "contiguous, evaluation": (lambda x: x, False, FEWEST_EVALUATED),
    "channels_last, evaluation": (channels_last, False, FEWEST_EVALUATED),
}


@pytest.mark.parametrize("case", SIZES)
def test_auto_takes_the_kernels_from_a_size_on_that_depends_on_layout_and_mode(case):
    place, training, fewest = SIZES[case]
    large, small = (place(images(values)).requires_grad_() for values in (fewest, fewest - 1024))
    assert large.numel() == fewest
    assert route_of(norm(large, training=training)) == "fused"
    assert route_of(norm(small, training=training)) == "native"


def test_the_table_names_these_sizes():
    exponents = [f"2**{fewest.bit_length() - 1}" for fewest in (FEWEST_ROWS, FEWEST_COLUMNS, FEWEST_EVALUATED)]
    rows, columns, evaluated = exponents
    assert f"at least {rows} values ({columns} channels_last, {evaluated} in evaluation)" in route_table()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_auto_takes_the_kernels_for_every_type_that_they_have(dtype):
    y = batch_norm(images(LARGE).to(dtype).requires_grad_(), None, None, training=True)
    assert route_of(y) == ("native" if dtype is torch.float16 else "fused")


@pytest.mark.parametrize(
    ("activation", "route"),
    [*((name, "fused") for name in (None, "relu", "relu6", "silu", "hardswish")), ("gelu", "native")],
)
def test_auto_takes_the_kernels_for_every_activation_that_they_have(activation, route):
    assert route_of(norm(images(LARGE).requires_grad_(), activation=activation)) == route


@pytest.mark.parametrize(("activation", "route"), [("relu", "fused"), ("silu", "native"), (None, "native")])
def test_auto_takes_the_kernels_for_a_residual_or_a_pool_with_relu_alone(activation, route):
    x = images(LARGE).requires_grad_()
    options = {"training": True, "activation": activation}
    assert route_of(batch_norm_add(x, x.detach(), None, None, **options)) == route
    assert route_of(batch_norm_pool(x, None, None, **options)) == route
    assert route_of(batch_norm_pool(x, None, None, **options, kernel_size=3)) == "native"


def test_auto_leaves_other_layouts_to_native():
    x = images(2 * LARGE)[..., ::2]
    assert route_of(norm(x.requires_grad_())) == "native"


def test_auto_is_native_without_numba(monkeypatch):
    monkeypatch.setattr("batchnorm.kernels.cpu._compiler.why_unavailable", lambda: "numba")
    assert route_of(norm(images(LARGE).requires_grad_())) == "native"


@pytest.fixture
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def graphs_of(function, *inputs, dynamic=None):
    """The names of what each graph calls that a compiler makes of a function, and the outputs."""
    graphs = []

    def backend(graph, example_inputs):
        graphs.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
        return graph.forward

    compiled = torch.compile(function, backend=backend, fullgraph=True, dynamic=dynamic)
    outputs = [compiled(x) for x in inputs]
    return graphs, outputs


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("place", [torch.Tensor.contiguous, channels_last], ids=["contiguous", "channels_last"])
def test_a_compiled_graph_calls_the_kernels_where_auto_takes_them(place, training):
    large, small = place(images(LARGE)), place(images(4096))
    (calls,), (y,) = graphs_of(lambda x: norm(x, training=training, activation="relu"), large)
    assert f"batchnorm.fused_{'training' if training else 'evaluation'}" in calls
    torch.testing.assert_close(y, norm(large, training=training, activation="relu"), rtol=0, atol=0)
    torch.compiler.reset()
    (calls,), _ = graphs_of(lambda x: norm(x, training=training, activation="relu"), small)
    assert not any("fused" in call for call in calls)


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("route", ["auto", "fused"])
def test_a_batch_of_unknown_size_is_one_graph_with_native_unless_the_kernels_are_asked_for(route):
    # Copies: a view brings guards about its base.
    inputs = [torch.cat([images(LARGE)] * 2)[:n].clone() for n in (4, 3, 2)]
    (calls,), outputs = graphs_of(lambda x: norm(x, route=route), *inputs, dynamic=True)
    assert any("fused" in call for call in calls) == (route == "fused")
    for x, y in zip(inputs, outputs, strict=True):
        torch.testing.assert_close(y, norm(x, route=route))


@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_step_through_the_kernels_gives_the_gradients_of_an_eager_one():
    def gradients(function):
        x, weight = images(LARGE).requires_grad_(), torch.linspace(0.5, 1.5, 16).requires_grad_()
        y = function(x, weight)
        y.square().sum().backward()
        return y.detach(), x.grad, weight.grad

    def step(x, weight):
        return batch_norm(x, None, None, weight, training=True, activation="silu")

    compiled = torch.compile(step, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(gradients(compiled), gradients(step))


class Norm(torch.nn.Module):
    """One call as a module, for the exporter."""

    def __init__(self, route):
        super().__init__()
        self.route = route
        self.register_buffer("mean", torch.zeros(16))
        self.register_buffer("var", torch.ones(16))

    def forward(self, x):
        return batch_norm(x, self.mean, self.var, training=self.training, activation="relu", route=self.route)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("route", ["auto", "fused"])
def test_an_exported_program_calls_torch_alone_unless_the_kernels_are_asked_for(route, training):
    module, x, batch = Norm(route).train(training), images(LARGE), torch.export.Dim("batch")
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    calls = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert any("batchnorm.fused" in call for call in calls) == (route == "fused")
    fewer = torch.cat([x, x])[:3]
    torch.testing.assert_close(program.module()(fewer), Norm(route).train(training)(fewer))
