"""Is a ScaleShift right under compilers, tracers, exporters and transforms?"""

import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call, jvp, stack_module_state, vmap

from batchnorm.functional import channel_affine
from batchnorm.nn import ScaleShift

from .scale_shifts import LAYERS, SCALE, SHIFT, X


@pytest.fixture
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("dynamic", [None, True])
@pytest.mark.parametrize("case", LAYERS)
def test_a_full_graph_computes_what_eager_does(case, dynamic):
    layer = LAYERS[case]()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    for n in (4, 3):
        ours, theirs = (X[:n].clone().requires_grad_() for _ in range(2))
        y, reference = compiled(ours), layer(theirs)
        torch.testing.assert_close(y, reference)
        torch.testing.assert_close(*(torch.autograd.grad(out.sum(), x) for out, x in ((y, ours), (reference, theirs))))


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("constants", [torch.float32, torch.bfloat16], ids=str)
def test_a_full_graph_rounds_a_half_input_once(constants):
    x, layer = X.to(torch.bfloat16), ScaleShift(SCALE * 1.1, SHIFT * 1.1).to(constants)
    y = torch.compile(layer, backend="aot_eager", fullgraph=True)(x)
    assert y.dtype is torch.bfloat16
    assert torch.equal(y, layer(x))


@pytest.mark.parametrize("case", LAYERS)
def test_an_exported_program_calls_torch_alone_and_takes_other_batches(case):
    layer, batch = LAYERS[case](), torch.export.Dim("batch")
    program = torch.export.export(layer, (X,), dynamic_shapes=({0: batch},))
    calls = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert calls
    assert all(call.startswith("aten.") for call in calls)
    torch.testing.assert_close(program.module()(X[:3]), layer(X[:3]))


@pytest.mark.parametrize("case", LAYERS)
def test_a_symbolic_trace_computes_the_same_also_after_pickling(case):
    layer = nn.Sequential(nn.Conv2d(3, 3, 1), LAYERS[case]())
    traced = torch.fx.symbolic_trace(layer)
    assert [node.target for node in traced.graph.nodes if node.op == "call_module"] == ["0", "1"]
    for graph in (traced, pickle.loads(pickle.dumps(traced))):  # noqa: S301  # ours
        torch.testing.assert_close(graph(X), layer(X))


def test_a_jit_trace_is_right_for_other_batches():
    layer = ScaleShift(SCALE, SHIFT, activation="relu")
    with pytest.warns(DeprecationWarning, match=r"torch\.jit\.trace"):
        traced = torch.jit.trace(layer, X)
    torch.testing.assert_close(traced(X[:2]), layer(X[:2]))


def test_an_ensemble_under_vmap_equals_its_members():
    layers = [ScaleShift(SCALE * n, SHIFT, activation="relu") for n in (1, 2)]
    _, buffers = stack_module_state(layers)
    found = vmap(lambda b: functional_call(layers[0], b, (X,)))(buffers)
    torch.testing.assert_close(found, torch.stack([layer(X) for layer in layers]))


def test_vmap_over_the_shift_alone_equals_a_loop(way):
    shifts = torch.stack([SHIFT, -SHIFT])
    found = vmap(lambda shift: channel_affine(X, SCALE, shift, activation="relu"))(shifts)
    torch.testing.assert_close(found, torch.stack([channel_affine(X, SCALE, v, activation="relu") for v in shifts]))


# torch scripts parts of itself for this, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")
def test_forward_mode_gives_the_derivative(way):
    _, tangent = jvp(ScaleShift(SCALE, SHIFT), (X,), (torch.ones_like(X),))
    torch.testing.assert_close(tangent, SCALE.reshape(1, 3, 1, 1).expand_as(X))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(X, torch.ones_like(X))
        tangent = torch.autograd.forward_ad.unpack_dual(ScaleShift(SCALE, SHIFT)(dual)).tangent
    torch.testing.assert_close(tangent, SCALE.reshape(1, 3, 1, 1).expand_as(X))
