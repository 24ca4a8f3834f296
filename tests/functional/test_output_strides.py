"""Do outputs lie in memory as torch's do, whatever the memory of the input, so that whoever reshapes them can go on?"""

import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import _pays, activate, batch_norm, batch_norm_add, batch_norm_pool, channel_affine
from batchnorm.functional._arguments import Arguments
from batchnorm.functional._why_not import why_not

from .strided_inputs import SHAPES, inputs

ROUTES = ["auto", "composed", "native", "fused"]
TRAINING = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def parameters(x):
    """Running mean and variance, weight and bias."""
    channels = x.shape[1]
    return torch.zeros(channels), torch.ones(channels), torch.rand(channels), torch.rand(channels)


def taken(shape, route, training):
    """The inputs of that shape that the route can normalize."""
    for x in inputs(shape):
        known = route != "fused" or why_not(Arguments(x, *parameters(x), training, 0.1, 1e-5, "relu")) is None
        if known and not (training and x.numel() == x.shape[1]):
            yield x


def turned(x):
    """A copy whose axes lie in memory in the opposite order."""
    axes = tuple(reversed(range(x.dim())))
    return x.permute(axes).contiguous().permute(axes)


def differences(ours, torchs, shape, route, training):
    """The strides of the input, of our output and of torch's, where these two differ."""
    found = [(x.stride(), ours(x).stride(), torchs(x).stride()) for x in taken(shape, route, training)]
    assert found or shape == (1, 4)  # which is never trained on
    return [strides for strides in found if strides[1] != strides[2]]


@TRAINING
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_norm_has_the_strides_of_torchs(shape, route, training):
    def ours(x):
        return batch_norm(x, *parameters(x), training, route=route)

    assert not differences(ours, lambda x: F.batch_norm(x, *parameters(x), training), shape, route, training)


@TRAINING
@pytest.mark.parametrize("activation", ["relu", "hardswish"])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_activated_norm_has_the_strides_of_torchs_two_steps(shape, route, activation, training):
    def ours(x):
        return batch_norm(x, *parameters(x), training, activation=activation, route=route)

    def torchs(x):
        return activate(F.batch_norm(x, *parameters(x), training), activation)

    assert not differences(ours, torchs, shape, route, training)


@TRAINING
@pytest.mark.parametrize("residual", [torch.clone, torch.Tensor.contiguous, turned], ids=["same", "plain", "turned"])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_norm_with_a_residual_has_the_strides_of_torchs_steps(shape, route, residual, training):
    def ours(x):
        return batch_norm_add(x, residual(x), *parameters(x), training, route=route)

    def torchs(x):
        return F.relu(F.batch_norm(x, *parameters(x), training) + residual(x))

    assert not differences(ours, torchs, shape, route, training)


@TRAINING
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", [(4, 3, 5, 6), (4, 1, 5, 6), (1, 3, 5, 6), (4, 3, 2, 2)], ids=str)
def test_a_norm_with_a_pool_has_the_strides_of_torchs_steps(shape, route, training):
    def ours(x):
        return batch_norm_pool(x, *parameters(x), training, route=route)

    def torchs(x):
        return F.max_pool2d(F.relu(F.batch_norm(x, *parameters(x), training)), 2)

    assert not differences(ours, torchs, shape, route, training)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("way", ["torch", "kernel"])
@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_frozen_scale_and_shift_have_the_strides_of_torchs_norm(shape, activation, way, recorded, monkeypatch):
    for name in ("AFFINE_ROWS", "AFFINE_COLUMNS", "AFFINE_BFLOAT16"):
        monkeypatch.setattr(_pays, name, 0 if way == "kernel" else 1 << 62)

    def ours(x):
        _, _, scale, shift = parameters(x)
        x = x.detach().requires_grad_(recorded)
        assert channel_affine(x, scale).stride() == channel_affine(x, None, shift).stride()
        return channel_affine(x, scale, shift, activation=activation)

    def torchs(x):
        return activate(F.batch_norm(x, *parameters(x)), activation)

    assert not differences(ours, torchs, shape, "auto", training=False)


def strides_of_gradient(function, x):
    """Those of the gradient of x, where they mean anything: not on axes of one value."""
    x = x.detach().requires_grad_()
    y = function(x)
    (dx,) = torch.autograd.grad(y, x, torch.ones(y.shape))
    return [step for size, step in zip(dx.shape, dx.stride(), strict=True) if size > 1]


@TRAINING
@pytest.mark.parametrize("route", ["native", "fused"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_of_the_input_has_the_strides_of_torchs(shape, route, training):
    def ours(x):
        return strides_of_gradient(lambda x: batch_norm(x, *parameters(x), training, route=route), x)

    def torchs(x):
        return strides_of_gradient(lambda x: F.batch_norm(x, *parameters(x), training), x)

    assert all(ours(x) == torchs(x) for x in taken(shape, route, training))


@pytest.mark.parametrize("way", ["a norm", "a frozen scale and shift"])
@pytest.mark.parametrize("size", [(2, 16, 8), (32, 512, 64)], ids=["small", "large"])
@TRAINING
def test_what_is_turned_round_can_be_viewed_behind_at_every_size(size, way, training):
    """(N, L, C) as an attention has it, to (N, C, L) for the norm; 2**20 values are more than every threshold."""
    x = torch.randn(size).transpose(1, 2)
    mean, var, weight, bias = parameters(x)
    y = batch_norm(x, mean, var, weight, bias, training) if way == "a norm" else channel_affine(x, weight, bias)
    assert y.view(size[0], -1).shape == (size[0], size[1] * size[2])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 3, 1, 4, 2, 3)], ids=str)
def test_what_a_kernel_writes_in_another_order_has_the_numbers_of_the_contiguous_one(shape, dtype):
    turned = inputs(shape)[-2 if len(shape) == 6 else 1].to(dtype)

    def all_of(x):
        x, residual = x.detach().requires_grad_(), (x * 0.5).detach().requires_grad_()
        y = batch_norm_add(x, residual, None, None, training=True, route="fused")
        y.backward(torch.linspace(-1, 1, y.numel()).reshape(y.shape).to(dtype))
        return y.detach().double(), x.grad.double(), residual.grad.double()

    assert not turned.is_contiguous()
    rounding = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(all_of(turned), all_of(turned.contiguous()), rtol=rounding, atol=rounding)


def test_under_vmap_a_norm_keeps_the_order_that_it_has():
    xs = torch.randn(2, 8, 5, 6, 3).movedim(-1, 2)[:, ::2]
    mean, var, _, _ = parameters(xs[0])
    ys = torch.func.vmap(lambda x: batch_norm(x, mean, var))(xs)
    torch.testing.assert_close(ys, torch.stack([F.batch_norm(x, mean, var) for x in xs]))
