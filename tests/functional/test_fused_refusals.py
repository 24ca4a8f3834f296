"""Does the route `fused`, asked for by name, say which of its conditions fails, and `auto` go another way?"""

import re

import pytest
import torch
from torch.autograd import forward_ad
from torch.func import functional_call, grad, vmap

import batchnorm.nn as bn
from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool

X = torch.randn(4, 3, 6, 5, generator=torch.Generator().manual_seed(0))
MEAN, VAR = torch.zeros(3), torch.ones(3)

ADVICE = r"\. Take route='auto', which uses it where it can\.$"
LAYOUT = r"needs x contiguous or channels_last, got strides \([\d, ]*\)"
ACTIVATIONS = "knows the activations relu, relu6, silu, hardswish and None, got "
RELU = "knows a residual or a pool with the activation 'relu' alone, got "


def norm(x, route, **options):
    return batch_norm(x, MEAN.to(x.dtype).clone(), VAR.to(x.dtype).clone(), route=route, **options)


def add(x, route, **options):
    return batch_norm_add(x, x, MEAN.clone(), VAR.clone(), route=route, **options)


def pool(x, route, **options):
    return batch_norm_pool(x, MEAN.clone(), VAR.clone(), route=route, **options)


def square(y):
    return y * y


CASES = {
    "float16": (lambda r, **o: norm(X.half(), r, **o), "needs x of float32, float64 or bfloat16, got torch.float16"),
    "gelu": (lambda r, **o: norm(X, r, activation="gelu", **o), f"{ACTIVATIONS}'gelu'"),
    "a function": (lambda r, **o: norm(X, r, activation=square, **o), f"{ACTIVATIONS}<function square"),
    "a module": (lambda r, **o: norm(X, r, activation=torch.nn.ReLU(), **o), rf"{ACTIVATIONS}ReLU\(\)"),
    "a residual with silu": (lambda r, **o: add(X, r, activation="silu", **o), f"{RELU}'silu'"),
    "a residual alone": (lambda r, **o: add(X, r, activation=None, **o), f"{RELU}None"),
    "a pool with silu": (lambda r, **o: pool(X, r, activation="silu", **o), f"{RELU}'silu'"),
    "a pool alone": (lambda r, **o: pool(X, r, activation=None, **o), f"{RELU}None"),
    "a pool of 3": (lambda r, **o: pool(X, r, kernel_size=3, **o), "knows pools of kernel_size 2 alone, got 3"),
    "a transposed x": (lambda r, **o: norm(X.transpose(2, 3), r, **o), LAYOUT),
    "every second": (lambda r, **o: norm(X[..., ::2], r, **o), LAYOUT),
    "an expanded x": (lambda r, **o: norm(X[:1].expand(4, -1, -1, -1), r, **o), LAYOUT),
    "a slice of (N, C)": (lambda r, **o: norm(X[:, :, 0, :3][..., 0], r, **o), LAYOUT),
    "mkldnn": (lambda r, **o: norm(X.to_mkldnn(), r, weight=VAR, bias=MEAN, **o), LAYOUT),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_the_condition_that_fails_is_named(case, training):
    call, condition = CASES[case]
    with pytest.raises(RuntimeError, match=f"^batch_norm: route='fused' {condition}.*{ADVICE}"):
        call("fused", training=training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_where_a_condition_fails_auto_gives_what_native_gives(case, training):
    call, _ = CASES[case]
    found, expected = (call(route, training=training) for route in ("auto", "native"))
    if case == "mkldnn":
        found, expected = found.to_dense(), expected.to_dense()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_another_device_is_named():
    with pytest.raises(RuntimeError, match=f"route='fused' needs x on the CPU, got it on meta{ADVICE}"):
        batch_norm(X.to("meta"), None, None, training=True, route="fused")
    assert batch_norm(X.to("meta"), None, None, training=True).shape == X.shape


def test_a_missing_numba_is_named(monkeypatch):
    monkeypatch.setattr(
        "batchnorm.kernels.cpu._compiler.why_unavailable", lambda: "numba, which is not installed (pip install numba)"
    )
    with pytest.raises(RuntimeError, match=re.escape("needs numba, which is not installed (pip install numba)")):
        norm(X, "fused")
    torch.testing.assert_close(norm(X, "auto"), norm(X, "native"))


@pytest.mark.parametrize("transform", [vmap, grad], ids=["vmap", "grad"])
def test_a_transform_is_named(transform):
    x = X[None] if transform is vmap else X

    def function(route):
        return transform(lambda x: batch_norm(x, None, None, training=True, route=route).square().sum())(x)

    with pytest.raises(RuntimeError, match=f"route='fused' cannot be used inside a torch.func transform{ADVICE}"):
        function("fused")
    torch.testing.assert_close(function("auto"), function("composed"))


def test_a_layer_inside_a_transform_is_refused_and_counts_nothing():
    layer = bn.BatchNorm2d(3, route="fused")
    state = dict(layer.named_parameters())
    with pytest.raises(RuntimeError, match=r"inside a torch\.func transform"):
        grad(lambda state: functional_call(layer, state, (X,)).sum())(state)
    assert (layer.running_mean.tolist(), layer.num_batches_tracked) == ([0.0] * 3, 0)


# torch scripts its own decompositions for forward mode, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_forward_mode_is_named():
    with forward_ad.dual_level():
        x = forward_ad.make_dual(X.double(), torch.ones_like(X).double())
        with pytest.raises(RuntimeError, match=f"route='fused' has no forward-mode derivative{ADVICE}"):
            norm(x, "fused")
        tangent = forward_ad.unpack_dual(norm(x, "auto")).tangent
    torch.testing.assert_close(tangent, torch.full_like(X.double(), (1 + 1e-5) ** -0.5))


def test_a_trace_by_torch_jit_is_named():
    layer = bn.BatchNorm2d(3, route="fused").eval()
    with (
        pytest.warns(DeprecationWarning, match=r"torch\.jit\.trace"),
        pytest.raises(RuntimeError, match=f"route='fused' cannot be traced by torch.jit{ADVICE}"),
    ):
        torch.jit.trace(layer, X)


@pytest.mark.parametrize("x", [X.half(), X.transpose(2, 3)], ids=["float16", "transposed"])
def test_a_refused_call_moves_no_statistics(x):
    mean, var = torch.zeros(3, dtype=x.dtype), torch.ones(3, dtype=x.dtype)
    with pytest.raises(RuntimeError, match="route='fused'"):
        batch_norm(x, mean, var, training=True, route="fused")
    assert (mean.tolist(), var.tolist()) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (bn.BatchNorm2d(3, activation="gelu", route="fused"), X),
        (bn.BatchNorm2d(3, route="fused"), X.transpose(2, 3)),
        (bn.BatchNormPool2d(3, kernel_size=3, route="fused"), X),
    ],
    ids=["activation", "layout", "pool"],
)
def test_a_layer_whose_call_is_refused_counts_nothing(layer, x):
    with pytest.raises(RuntimeError, match="route='fused'"):
        layer(x)
    assert (layer.running_mean.tolist(), layer.num_batches_tracked) == ([0.0] * 3, 0)
