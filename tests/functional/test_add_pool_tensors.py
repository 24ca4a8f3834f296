"""Layouts, empty batches, derivatives, transforms, autocast and overrides, for batch norm with a residual or a pool."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, hessian, jacfwd, jacrev, vmap

from batchnorm.functional import batch_norm_add, batch_norm_pool

from .finish_oracle import finish_oracle

ROUTES = ["composed", "native", "fused"]
LAYOUTS = {
    "contiguous": lambda t: t,
    "channels_last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "transposed": lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
    "every second": lambda t: torch.stack([t, t + 1], dim=-1).flatten(-2)[..., ::2],
    "batch last": lambda t: t.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
}
FUSED = ["contiguous", "channels_last"]
"""The layouts of x that the route `fused` has kernels for."""
DY_LAYOUTS = LAYOUTS | {"expanded": lambda t: torch.ones((), dtype=t.dtype).expand(t.shape)}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SHAPE = (3, 2, 4, 5)
X, RESIDUAL, WEIGHT, BIAS = draw(*SHAPE), draw(*SHAPE, seed=1), draw(2, seed=2), draw(2, seed=3)
MEAN, VAR = draw(2, seed=4), draw(2, seed=5).abs() + 0.1


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("dy_layout", DY_LAYOUTS)
@pytest.mark.parametrize("residual_layout", DY_LAYOUTS)
@pytest.mark.parametrize("x_layout", LAYOUTS)
def test_gradients_of_a_sum_do_not_depend_on_layouts(x_layout, residual_layout, dy_layout, route, refused_if):
    with refused_if(route == "fused" and x_layout not in FUSED, "needs x contiguous or channels_last, got strides"):
        x, residual = LAYOUTS[x_layout](X), DY_LAYOUTS[residual_layout](RESIDUAL)
        dy = DY_LAYOUTS[dy_layout](draw(*SHAPE, seed=6))
        expected = finish_oracle((x, None, None, WEIGHT, None), dy, residual=residual, training=True)
        leaves = [t.detach().requires_grad_() for t in (x, residual, WEIGHT.clone())]
        batch_norm_add(leaves[0], leaves[1], None, None, leaves[2], training=True, route=route).backward(dy)
        for leaf, name in zip(leaves, ("dx", "dresidual", "dweight"), strict=True):
            np.testing.assert_allclose(leaf.grad, getattr(expected, name), rtol=0, atol=1e-11)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("dy_layout", DY_LAYOUTS)
@pytest.mark.parametrize("x_layout", LAYOUTS)
def test_gradients_of_a_pool_do_not_depend_on_layouts(x_layout, dy_layout, route, refused_if):
    with refused_if(route == "fused" and x_layout not in FUSED, "needs x contiguous or channels_last, got strides"):
        x, dy = LAYOUTS[x_layout](X), DY_LAYOUTS[dy_layout](draw(3, 2, 2, 2, seed=6))
        expected = finish_oracle((x, None, None, WEIGHT, None), dy, pool=2, training=True)
        leaves = [t.detach().requires_grad_() for t in (x, WEIGHT.clone())]
        batch_norm_pool(leaves[0], None, None, leaves[1], training=True, route=route).backward(dy)
        for leaf, name in zip(leaves, ("dx", "dweight"), strict=True):
            np.testing.assert_allclose(leaf.grad, getattr(expected, name), rtol=0, atol=1e-11)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_channels_last_is_kept(dtype, route, training):
    x = torch.randn(2, 8, 4, 4).to(dtype).contiguous(memory_format=torch.channels_last)
    statistics = torch.zeros(8), torch.ones(8)
    options = {"training": training, "route": route}
    assert batch_norm_add(x, x, *statistics, **options).is_contiguous(memory_format=torch.channels_last)
    assert batch_norm_pool(x, *statistics, **options).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("route", ROUTES)
def test_a_batch_without_images_gives_none_and_gradients_of_zero(route, training):
    for function, shape in ((batch_norm_add, (0, 2, 4, 5)), (batch_norm_pool, (0, 2, 2, 2))):
        x, weight = torch.empty(0, 2, 4, 5, requires_grad=True), torch.ones(2, requires_grad=True)
        tensors = (x, x) if function is batch_norm_add else (x,)
        mean, var = torch.full((2,), 0.5), torch.full((2,), 2.0)
        y = function(*tensors, mean, var, weight, training=training, route=route)
        y.sum().backward()
        assert (y.shape, x.grad.shape, weight.grad.tolist()) == (shape, x.shape, [0.0, 0.0])
        assert (mean.tolist(), var.tolist()) == ([0.5] * 2, [2.0] * 2)


def adding(training, activation="tanh", route="auto"):
    statistics = (None, None) if training else (MEAN, VAR)

    def function(x, residual, weight, bias):
        return batch_norm_add(
            x, residual, *statistics, weight, bias, training=training, activation=activation, route=route
        )

    return function


def pooling(training, activation="tanh", route="auto"):
    statistics = (None, None) if training else (MEAN, VAR)

    def function(x, weight, bias):
        return batch_norm_pool(x, *statistics, weight, bias, training=training, activation=activation, route=route)

    return function


def torchs_adding(training):
    statistics = (None, None) if training else (MEAN, VAR)
    return lambda x, residual, weight, bias: torch.tanh(F.batch_norm(x, *statistics, weight, bias, training) + residual)


def torchs_pooling(training):
    statistics = (None, None) if training else (MEAN, VAR)
    return lambda x, weight, bias: F.max_pool2d(torch.tanh(F.batch_norm(x, *statistics, weight, bias, training)), 2)


PAIRS = {
    "add": (adding, torchs_adding, (X, RESIDUAL, WEIGHT, BIAS)),
    "pool": (pooling, torchs_pooling, (X, WEIGHT, BIAS)),
}


@pytest.mark.parametrize("route", ["auto", *ROUTES])
@pytest.mark.parametrize("activation", ["tanh", "relu", None])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", PAIRS)
def test_gradcheck_and_gradgradcheck_pass(kind, training, activation, route, refused_if):
    with refused_if(
        route == "fused" and activation != "relu", "knows a residual or a pool with the activation 'relu' alone"
    ):
        make, _, leaves = PAIRS[kind]
        leaves = [leaf.clone().requires_grad_() for leaf in leaves]
        function = make(training, activation, route)
        assert torch.autograd.gradcheck(function, leaves)
        assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize("kind", PAIRS)
def test_composed_has_third_derivatives(kind):
    make, torchs, leaves = PAIRS[kind]

    def third(function):
        found = [leaf.clone().requires_grad_() for leaf in leaves]
        result = function(*found).pow(3).sum()
        for _ in range(3):
            (result,) = torch.autograd.grad(result.sum(), found[-2], create_graph=True)
        return result

    torch.testing.assert_close(third(make(training=True, route="composed")), third(torchs(training=True)))


# torch scripts its own decompositions for forward mode, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("transform", [grad, jacrev, jacfwd, hessian])
@pytest.mark.parametrize("kind", PAIRS)
def test_derivatives_by_transforms_are_those_of_torchs_functions(kind, transform, training):
    make, torchs, leaves = PAIRS[kind]
    found, expected = (
        transform(lambda *given, f=function: f(*given).pow(3).sum(), argnums=len(leaves) - 2)(*leaves)
        for function in (make(training), torchs(training))
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", PAIRS)
def test_vmap_equals_a_loop(kind, training):
    make, _, (x, *others) = PAIRS[kind]
    xs, function = torch.stack([x, 2 * x + 1]), make(training)
    found = vmap(lambda x: function(x, *others))(xs)
    torch.testing.assert_close(found, torch.stack([function(x, *others) for x in xs]))


@pytest.mark.parametrize(("wide", "dtype"), [(torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)], ids=str)
def test_under_autocast_a_residual_is_brought_to_the_dtype_of_x(wide, dtype):
    x, residual = X.to(dtype), RESIDUAL.to(wide)
    statistics = MEAN.float(), VAR.float()
    expected = batch_norm_add(x, residual.to(dtype), *statistics)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = batch_norm_add(x, residual, *statistics)
    assert found.dtype is dtype
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="residual must have the dtype of x"):
        batch_norm_add(x, residual, *statistics)


class Marked(torch.Tensor):
    """A tensor subclass that records which functions were called with it."""

    called: list[object] = []  # noqa: RUF012  # a log of the class, on purpose

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.called.append(func)
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.mark.parametrize("argument", [0, 1, 2])
@pytest.mark.parametrize("kind", PAIRS)
def test_a_tensor_subclass_in_any_place_may_override_the_functions(kind, argument):
    make, torchs, leaves = PAIRS[kind]
    leaves = list(leaves)
    leaves[argument] = leaves[argument].as_subclass(Marked)
    Marked.called.clear()
    y = make(training=True)(*leaves)
    assert {"add": batch_norm_add, "pool": batch_norm_pool}[kind] in Marked.called
    torch.testing.assert_close(y.as_subclass(torch.Tensor), torchs(training=True)(*PAIRS[kind][2]))


def test_an_override_gets_every_argument_as_it_was_given():
    class Asked(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func, args, kwargs

    x = X.as_subclass(Asked)
    _, args, kwargs = batch_norm_add(
        x, RESIDUAL, MEAN, VAR, WEIGHT, BIAS, True, 0.2, 0.3, activation=None, route="native"
    )
    assert all(found is given for found, given in zip(args[:6], (x, RESIDUAL, MEAN, VAR, WEIGHT, BIAS), strict=True))
    assert (args[6:], kwargs) == ((True, 0.2, 0.3), {"activation": None, "route": "native"})
    _, args, kwargs = batch_norm_pool(x, MEAN, VAR, kernel_size=3)
    assert all(found is given for found, given in zip(args[:5], (x, MEAN, VAR, None, None), strict=True))
    assert (args[5:], kwargs) == ((False, 0.1, 1e-5), {"activation": "relu", "kernel_size": 3, "route": "auto"})
