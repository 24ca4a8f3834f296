"""Are the three operators what torch expects of operators, and do both doors to the kernels lead to the same?"""

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

from batchnorm.functional import batch_norm, exact_moments

from .cases import DTYPES, FAMILIES, LAYOUTS, make_case, output, tensors

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = {"(N, C)": (5, 3), "(N, C, L)": (4, 3, 5), "images": (2, 3, 4, 6), "1x1 images": (5, 3, 1, 1)}
SAMPLES = [
    ("silu", "(N, C)", "contiguous"),
    ("silu", "(N, C, L)", "channels_last"),
    ("silu", "images", "channel slice"),
    *(("add", "images", layout) for layout in LAYOUTS),
    ("add", "1x1 images", "contiguous"),
    *(("pool", "images", layout) for layout in ("contiguous", "channels_last", "channel slice")),
]


def steps_of(case, *, differentiable=True):
    """What the operators take behind x and the statistics."""
    leaves = (case.weight, case.bias, case.residual)
    leaves = tuple(t if t is None or not differentiable else t.detach().requires_grad_() for t in leaves)
    return *leaves, case.eps, case.activation, case.pool


def inputs_of(case):
    """The three operators and their arguments for a case."""
    operators, x = torch.ops.batchnorm, case.x.detach().requires_grad_()
    evaluation = (x, case.running_mean, case.running_var, *steps_of(case))
    _, mean, var, masks = operators.fused_training(case.x, *steps_of(case, differentiable=False))
    add = case.residual is not None
    rules = (case.eps, case.activation, add, case.pool, True)
    return {
        "training": (operators.fused_training.default, (x, *steps_of(case))),
        "evaluation": (operators.fused_evaluation.default, evaluation),
        "backward": (
            operators.fused_backward.default,
            (case.dy, case.x, mean, var, case.weight, case.bias, masks, *rules),
        ),
    }


@pytest.mark.parametrize("which", ["training", "evaluation", "backward"])
@pytest.mark.parametrize(("family", "kind", "layout"), SAMPLES)
def test_opcheck_passes(family, kind, layout, which):
    operator, arguments = inputs_of(make_case(family, SHAPES[kind], torch.float32, layout=layout))[which]
    torch.library.opcheck(operator, arguments)


@pytest.mark.parametrize("which", ["training", "backward"])
@pytest.mark.parametrize(("dtype", "affine"), [(torch.float64, False), (torch.bfloat16, True)], ids=str)
def test_opcheck_passes_in_other_types_and_without_parameters(dtype, affine, which):
    operator, arguments = inputs_of(make_case("add", SHAPES["images"], dtype, affine=affine))[which]
    torch.library.opcheck(operator, arguments)


@pytest.mark.parametrize("shape", [(0, 3), (2, 3, 0, 4)], ids=str)
@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_opcheck_passes_without_values(activation, shape):
    x, weight = torch.empty(shape, requires_grad=True), torch.ones(3, requires_grad=True)
    residual = torch.empty(shape, requires_grad=True) if activation == "relu" else None
    arguments = (x, weight, None, residual, 1e-5, activation, False)
    torch.library.opcheck(torch.ops.batchnorm.fused_training.default, arguments)


RUNNING = {"running_mean", "running_var"}


class Recorded(TorchDispatchMode):
    """Records which operators run."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_mode_sees_the_operators_and_a_plain_call_gives_the_same_bits(family, dtype, training):
    case = make_case(family, SHAPES["images"], dtype, training=training)
    plain = tensors(case)
    with Recorded() as mode:
        seen = tensors(case)
    forward = "batchnorm.fused_training.default" if training else "batchnorm.fused_evaluation.default"
    assert [name for name in mode.names if name.startswith("batchnorm.")] == [
        forward,
        "batchnorm.fused_backward.default",
    ]
    assert plain.keys() == seen.keys()
    assert all(torch.equal(plain[name], seen[name]) for name in plain if not name.startswith("running"))
    for name in RUNNING & plain.keys():  # one is moved by a kernel, the other by torch.lerp
        precision = 2 * torch.finfo(plain[name].dtype).eps
        torch.testing.assert_close(plain[name], seen[name], rtol=precision, atol=precision)


FAKES = [(family, "images", layout) for family in FAMILIES for layout in LAYOUTS]
FAKES += [("add", "(N, C, L)", layout) for layout in LAYOUTS]
FAKES += [("add", kind, layout) for kind in ("(N, C)", "1x1 images") for layout in ("contiguous", "channels_last")]


@pytest.mark.parametrize(("family", "kind", "layout"), FAKES)
def test_a_fake_call_gives_the_shapes_types_and_strides_of_a_real_one(family, kind, layout):
    case = make_case(family, SHAPES[kind], torch.bfloat16, layout=layout)
    arguments = (case.x, *steps_of(case, differentiable=False))
    real = torch.ops.batchnorm.fused_training(*arguments)
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(t) if isinstance(t, torch.Tensor) else t for t in arguments]
        fake = torch.ops.batchnorm.fused_training(*fakes)
    assert [(t.shape, t.dtype, t.stride()) for t in fake] == [(t.shape, t.dtype, t.stride()) for t in real]


@pytest.mark.parametrize("route", ["auto", "fused"])
def test_a_tracer_of_symbolic_sizes_goes_through(route):
    x = torch.randn(64, 64, 14, 14)

    def function(x):
        return batch_norm(x, None, None, training=True, activation="relu", route=route)

    graph = make_fx(function, tracing_mode="symbolic")(x)
    torch.testing.assert_close(graph(x[:50]), function(x[:50]))


def test_a_tensor_that_is_negative_by_a_flag_is_read_with_its_sign():
    x = torch._neg_view(torch.randn(4, 3, 5, 5))
    found, expected = (batch_norm(t, None, None, training=True, route="fused") for t in (x, x.resolve_neg()))
    assert torch.equal(found, expected)
    torch.testing.assert_close(exact_moments(x).mean, exact_moments(x.resolve_neg()).mean)


@pytest.mark.parametrize("family", ["relu", "pool"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_autograd_hears_that_a_kernel_has_moved_the_running_statistics(family, layout):
    case = make_case(family, SHAPES["images"], torch.float32, layout=layout)
    square = (case.running_mean.requires_grad_() ** 2).sum()
    case.running_mean.requires_grad_(requires_grad=False)
    with torch.no_grad():
        output(case, case.x, None, case.running_mean, case.running_var, case.weight, case.bias, route="fused")
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        square.backward()
