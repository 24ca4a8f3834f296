"""The layers beside torch's: same arguments, same inputs, same outputs, gradients and state."""

from itertools import product

import pytest
import torch
from torch import nn

import batchnorm.nn as bn

from .references import PAIRS, Fed, feed, pair

KINDS_2D = ["2d", "add", "pool"]
AFFINE = [
    {"affine": True},
    {"affine": True, "bias": False},
    {"affine": False},
]
OPTIONS = [
    {**affine, "momentum": momentum, "track_running_stats": track}
    for affine, momentum, track in product(AFFINE, [None, 0, 0.1, 1], [True, False])
]


def state(layer):
    return {name: value.clone() for name, value in layer.state_dict().items()}


def steps(layer, shape, dtype=torch.float64):
    """Three steps of training and one of evaluation: everything that came out."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for step in range(4):
        layer.train(step < 3)
        x = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) * 2 + 1
        x.requires_grad_()
        layer.zero_grad()
        y = feed(layer, x)
        y.backward(torch.linspace(-1, 1, y.numel(), dtype=dtype).reshape(y.shape))
        found.append([y.detach(), x.grad, *(p.grad for p in layer.parameters())])
    return found


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", PAIRS)
def test_outputs_gradients_and_state_are_torchs_over_several_steps(kind, options, route):
    layer, reference, shape = pair(kind, ours={"route": route}, dtype=torch.float64, **options)
    ours, torchs = steps(layer, shape), steps(reference, shape)
    torch.testing.assert_close(ours, torchs, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state(layer), state(reference), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", PAIRS)
def test_the_native_route_gives_torchs_bits_in_float32(kind):
    layer, reference, shape = pair(kind, ours={"route": "native"})
    ours, torchs = steps(layer, shape, torch.float32), steps(reference, shape, torch.float32)
    torch.testing.assert_close(ours, torchs, rtol=0, atol=0)
    torch.testing.assert_close(state(layer), state(reference), rtol=0, atol=0)


@pytest.mark.parametrize("kind", PAIRS)
def test_a_layer_is_an_instance_of_torchs(kind):
    layer, reference, _ = pair(kind)
    torchs = next(kind for kind in type(reference).__mro__ if kind.__module__.startswith("torch."))
    assert isinstance(layer, torchs)


def test_positional_arguments_are_torchs():
    arguments = (3, 1e-3, 0.2, False, False, "meta", torch.float64)
    layer, reference = bn.BatchNorm2d(*arguments), nn.BatchNorm2d(*arguments)
    for name in ("num_features", "eps", "momentum", "affine", "track_running_stats"):
        assert getattr(layer, name) == getattr(reference, name)


@pytest.mark.parametrize("option", ["activation", "route"])
def test_our_own_arguments_are_keyword_only(option):
    torchs = (3, 1e-5, 0.1, True, True, None, None, True)
    with pytest.raises(TypeError, match="positional arguments"):
        bn.BatchNorm2d(*torchs, option)


@pytest.mark.parametrize("kind", PAIRS)
def test_reset_running_stats_forgets_everything(kind):
    layer, _, shape = pair(kind)
    feed(layer, torch.randn(shape))
    layer.reset_running_stats()
    found = (layer.running_mean.tolist(), layer.running_var.tolist(), layer.num_batches_tracked)
    assert found == ([0.0] * 3, [1.0] * 3, 0)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("kind", KINDS_2D)
def test_a_layer_whose_buffers_were_removed_evaluates_by_the_batch(kind, route):
    layer, reference, shape = pair(kind, ours={"route": route})
    for module in (layer, reference):
        module.running_mean = module.running_var = None
        module.eval()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(feed(layer, x), feed(reference, x))


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("kind", KINDS_2D)
def test_track_running_stats_switched_off_for_a_forward_updates_nothing(kind, route):
    layer, reference, shape = pair(kind, ours={"route": route})
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    layer.track_running_stats = False
    expected = feed(reference, x)
    torch.testing.assert_close(feed(layer, x), expected)
    assert layer.num_batches_tracked == 0
    assert layer.running_mean.tolist() == [0.0] * 3


@pytest.mark.parametrize("kind", KINDS_2D)
def test_a_refused_batch_is_not_counted(kind):
    layer, _, _ = pair(kind)
    with pytest.raises(RuntimeError, match="running_mean must have 4 values"):
        feed(layer, torch.zeros(2, 4, 2, 2))
    assert layer.num_batches_tracked == 0


WRONG_AXES = [
    *((bn.BatchNorm1d, 4), (bn.BatchNorm2d, 3), (bn.BatchNorm3d, 4), (bn.BatchNorm2d, 1)),
    *((bn.BatchNormAdd2d, 3), (bn.BatchNormPool2d, 3), (bn.BatchNormPool2d, 1)),
]


@pytest.mark.parametrize(("layer", "axes"), WRONG_AXES)
def test_a_wrong_number_of_axes_is_torchs_error_and_names_the_layer(layer, axes):
    with pytest.raises(ValueError, match=rf"{layer.__name__}: expected input of shape \(N, C"):
        feed(layer(3), torch.zeros((3,) * axes))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("momentum", [None, 0.1])
@pytest.mark.parametrize("kind", KINDS_2D)
def test_half_inputs_give_what_torchs_layer_gives(kind, dtype, own, momentum):
    options = {"dtype": dtype} if own else {}
    layer, reference, shape = pair(kind, momentum=momentum, **options)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3)).to(dtype)
    torch.testing.assert_close(feed(layer, x), feed(reference, x), rtol=0, atol=0)
    torch.testing.assert_close(state(layer), state(reference))


@pytest.mark.parametrize("route", ["auto", "composed"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS_2D)
def test_autocast_gives_the_dtype_and_the_values_that_torch_gives(kind, training, route):
    layer, reference, _ = pair(kind, ours={"route": route})
    conv = nn.Conv2d(3, 3, 1)
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    layer.train(training)
    reference.train(training)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = conv(x)
        ours, torchs = feed(layer, y), feed(reference, y)
    assert ours.dtype is torchs.dtype is torch.bfloat16
    torch.testing.assert_close(ours, torchs, rtol=2**-7, atol=2**-7)
    torch.testing.assert_close(state(layer), state(reference))


@pytest.mark.parametrize("kind", KINDS_2D)
def test_meta_tensors_give_shapes(kind):
    make, reference, shape = PAIRS[kind]
    y = feed(make(3, device="meta", activation="relu", momentum=None), torch.empty(shape, device="meta"))
    assert (y.shape, y.device.type) == (feed(reference(3), torch.zeros(shape)).shape, "meta")


@pytest.mark.parametrize("momentum", [0.0, None])
@pytest.mark.parametrize("activation", [None, "tanh", nn.Softplus()])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", PAIRS)
def test_every_layer_passes_gradcheck_and_gradgradcheck_on_the_default_route(kind, training, activation, momentum):
    layer, _, shape = pair(kind, ours={"activation": activation}, dtype=torch.float64)
    layer.train(training)
    layer.momentum = 0.0  # the finite differences are to see one function
    x = torch.randn(2, *shape[1:2], *(2,) * (len(shape) - 2), dtype=torch.float64)
    x = x + torch.linspace(0, 1, x.numel(), dtype=torch.float64).reshape(x.shape)

    def function(x, *parameters):
        names = [name for name, _ in layer.named_parameters()]
        state = {f"layer.{name}": value for name, value in zip(names, parameters, strict=True)}
        return torch.func.functional_call(Fed(layer), state, (x,))

    leaves = [t.detach().clone().requires_grad_() for t in (x, *layer.parameters())]
    assert torch.autograd.gradcheck(function, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)
