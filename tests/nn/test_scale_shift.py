"""Is a ScaleShift one multiply-add per channel, with an activation, wherever a norm may stand?"""

import copy
import io
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from batchnorm.functional import ACTIVATIONS, channel_affine, scale_shift
from batchnorm.functional import _channel_affine as module
from batchnorm.kernels import cpu
from batchnorm.nn import ScaleShift

from .scale_shifts import LAYERS, SCALE, SHIFT, X, draw

GIVEN = {"both": (SCALE, SHIFT), "scale": (SCALE, None), "shift": (None, SHIFT)}
SHAPES = [(8, 3), (4, 3, 7), (4, 3, 5, 6), (2, 3, 4, 5, 2), (2, 3, 2, 2, 2, 2)]
NAMES = [None, "relu6", "silu", "hardswish", "gelu"]


def channels_last(x):
    """The layout in which the channels of one place lie side by side."""
    if x.dim() == 3:
        return x.transpose(1, 2).contiguous().transpose(1, 2)
    return x.contiguous(memory_format={4: torch.channels_last, 5: torch.channels_last_3d}[x.dim()])


def expected(x, scale, shift, activation=None):
    """The formula in float64."""
    column = (1, -1) + (1,) * (x.dim() - 2)
    y = x.double() * (1 if scale is None else scale.double().reshape(column))
    y = y + (0 if shift is None else shift.double().reshape(column))
    return ACTIVATIONS[activation](y) if isinstance(activation, str) else activation(y) if activation else y


@pytest.mark.parametrize(
    ("shape", "given", "activation"),
    [*((shape, given, "relu") for shape in SHAPES for given in GIVEN), *((SHAPES[2], "both", name) for name in NAMES)],
    ids=str,
)
def test_the_output_is_the_formulas(shape, given, activation, way):
    x = draw(*shape)
    y = ScaleShift(*GIVEN[given], activation=activation)(x)
    torch.testing.assert_close(y.double(), expected(x, *GIVEN[given], activation), rtol=1e-5, atol=1e-6)


def test_the_pair_of_a_norm_gives_its_output_in_evaluation():
    norm = nn.BatchNorm2d(3).eval()
    with torch.no_grad():
        for number, values in enumerate((norm.running_mean, norm.running_var, norm.weight, norm.bias)):
            values.copy_(draw(3, seed=number).abs() + 0.5)
    layer = ScaleShift(*scale_shift(norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.eps))
    torch.testing.assert_close(layer(X), norm(X))


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_that_has_a_name_follows(activation, recorded):
    x = X.clone().requires_grad_(recorded)
    y = ScaleShift(SCALE, SHIFT, activation=activation)(x)
    torch.testing.assert_close(y.double(), expected(X, SCALE, SHIFT, activation), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_input_is_never_changed(dtype, recorded, way):
    x = X.to(dtype).requires_grad_(recorded)
    before = x.detach().clone()
    for given in GIVEN.values():
        for activation in ("relu", "tanh", nn.ReLU(inplace=True)):
            ScaleShift(*given, activation=activation)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("shape", SHAPES[1:4], ids=str)
@pytest.mark.parametrize("place", [torch.Tensor.contiguous, channels_last], ids=["contiguous", "channels_last"])
def test_the_memory_format_is_that_of_torchs_norm(place, shape, recorded, way):
    x = place(draw(*shape)).requires_grad_(recorded)
    y = ScaleShift(SCALE, SHIFT, activation="relu")(x)
    assert y.stride() == F.batch_norm(x, -SHIFT, SCALE.abs()).stride()
    torch.testing.assert_close(y.double(), expected(x, SCALE, SHIFT, "relu"), rtol=1e-5, atol=1e-6)


def test_an_input_with_gaps_or_with_one_value_for_many_places_is_taken(way):
    for x in (draw(4, 3, 5, 12)[..., ::2], draw(1, 3, 1, 1).expand(4, 3, 5, 6)):
        y = ScaleShift(SCALE, SHIFT, activation="relu")(x)
        torch.testing.assert_close(y.double(), expected(x, SCALE, SHIFT, "relu"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("constants", ["float32", "as the input"])
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("place", [torch.Tensor.contiguous, channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_a_half_input_gives_its_dtype_and_is_rounded_once(dtype, place, recorded, constants, way):
    x = place(X).to(dtype).requires_grad_(recorded)
    scale, shift = ((v * 1.1).to(torch.float32 if constants == "float32" else dtype) for v in (SCALE, SHIFT))
    y = ScaleShift(scale, shift)(x)
    exact = expected(x, scale, shift)
    assert y.dtype is dtype
    # Half a unit in the last place, and what float32 adds to it where the sum nearly cancels.
    assert bool(((y.double() - exact).abs() <= exact.abs() * torch.finfo(dtype).eps * 0.501 + 1e-6).all())


@pytest.mark.parametrize(("x", "constants"), [("float64", "float32"), ("float32", "float64"), ("float32", "bfloat16")])
def test_other_dtypes_beside_each_other_are_refused_as_torchs_norm_refuses_them(x, constants):
    values, dtype = X.to(getattr(torch, x)), getattr(torch, constants)
    with pytest.raises(RuntimeError, match=r"expected scalar type|mixed dtype|Expected"):
        nn.BatchNorm2d(3).to(dtype).eval()(values)
    with pytest.raises(RuntimeError, match=rf"scale must have the dtype torch.{x} beside x .*, got {dtype}\. Convert"):
        ScaleShift(SCALE.to(dtype), SHIFT.to(dtype))(values)


def operators(function):
    """The names of torch's operators that run."""
    with torch.profiler.profile() as profile:
        function()
    return {event.key for event in profile.key_averages()}


@pytest.mark.parametrize("place", [torch.Tensor.contiguous, channels_last], ids=["contiguous", "channels_last"])
def test_where_no_gradient_is_recorded_the_activation_makes_no_tensor(place):
    layer, x = ScaleShift(SCALE, SHIFT, activation="relu"), place(X)
    found = operators(lambda: layer(x))
    assert "aten::relu_" in found
    assert "aten::relu" not in found
    assert "aten::relu_" not in operators(lambda: layer(x.clone().requires_grad_()))


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("activation", [None, "relu", nn.ReLU()], ids=str)
def test_no_operator_of_batch_norm_runs(activation, recorded, way):
    layer, x = ScaleShift(SCALE, SHIFT, activation=activation), X.clone().requires_grad_(recorded)
    assert not [name for name in operators(lambda: layer(x)) if "batch_norm" in name]


def test_the_kernel_is_taken_from_a_size_on(monkeypatch):
    called = []
    monkeypatch.setattr(module, "affine_by_kernel", lambda x, *rest: called.append(tuple(x.shape)) or x)
    layer = ScaleShift(torch.ones(16), torch.zeros(16), activation="relu")
    for values in (module.FEWEST_ROWS, module.FEWEST_ROWS - 1024):
        layer(torch.zeros(1, 16, 32, values // 512))
    assert called == [(1, 16, 32, module.FEWEST_ROWS // 512)]


def test_the_kernel_is_not_taken_for_addcmul_alone(monkeypatch):
    monkeypatch.setattr(module, "FEWEST_COLUMNS", 0)
    monkeypatch.setattr(module, "affine_by_kernel", lambda *arguments: pytest.fail("the kernel ran"))
    ScaleShift(SCALE, SHIFT)(channels_last(X))


@pytest.mark.parametrize("way", ["kernel"], indirect=True)
def test_where_numba_is_broken_torchs_operators_compute(way, monkeypatch):
    def broken(*arguments):
        raise cpu.UnusableKernelsError("numba")

    monkeypatch.setattr(module, "affine_by_kernel", broken)
    y = ScaleShift(SCALE, SHIFT, activation="relu")(X)
    torch.testing.assert_close(y.double(), expected(X, SCALE, SHIFT, "relu"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("given", "activation"), [("both", "silu"), ("scale", None), ("shift", nn.Tanh())], ids=str)
@pytest.mark.parametrize("place", [torch.Tensor.contiguous, channels_last], ids=["contiguous", "channels_last"])
def test_gradients_and_second_derivatives_are_right(place, given, activation, way):
    layer = ScaleShift(*GIVEN[given], activation=activation).double()
    x = place(draw(2, 3, 2, 2).double()).requires_grad_()
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


def test_the_constants_are_frozen_copies():
    scale, shift = nn.Parameter(SCALE.clone()), SHIFT.clone()
    layer = ScaleShift(scale, shift)
    y = layer(X.clone().requires_grad_())
    y.sum().backward()
    for values in (scale.detach(), shift):
        values.zero_()
    assert (list(layer.parameters()), scale.grad) == ([], None)
    assert (layer.scale.tolist(), layer.shift.tolist()) == (SCALE.tolist(), SHIFT.tolist())
    assert not layer.scale.requires_grad


def test_training_mode_changes_nothing():
    layer = ScaleShift(SCALE, SHIFT, activation="relu")
    assert torch.equal(layer.train()(X), layer.eval()(X))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])  # noqa: S301
@pytest.mark.parametrize("case", LAYERS)
def test_copies_compute_the_same_and_share_nothing(case, duplicate):
    layer = LAYERS[case]()
    expected_, twin = layer(X), duplicate(layer)
    assert repr(twin) == repr(layer)
    for values in layer.buffers():
        values.zero_()
    torch.testing.assert_close(twin(X), expected_, rtol=0, atol=0)


def test_the_state_is_the_constants_that_there_are():
    assert [list(ScaleShift(*given).state_dict()) for given in GIVEN.values()] == [
        ["scale", "shift"],
        ["scale"],
        ["shift"],
    ]
    assert list(ScaleShift(SCALE, None, activation=nn.PReLU()).state_dict()) == ["scale", "activation.weight"]


def test_a_saved_state_loads_strictly():
    file = io.BytesIO()
    torch.save(ScaleShift(SCALE, SHIFT).state_dict(), file)
    file.seek(0)
    layer = ScaleShift(torch.zeros(3), torch.zeros(3))
    layer.load_state_dict(torch.load(file, weights_only=True), strict=True)
    torch.testing.assert_close(layer(X), ScaleShift(SCALE, SHIFT)(X), rtol=0, atol=0)


def test_the_layer_moves_to_another_dtype_and_device():
    layer = ScaleShift(SCALE, SHIFT, activation="relu")
    assert layer.double()(X.double()).dtype is torch.float64
    y = layer.to(torch.bfloat16).to("meta")(channels_last(X).to("meta", torch.bfloat16))
    assert (y.device.type, y.dtype, y.stride()) == ("meta", torch.bfloat16, channels_last(X).stride())


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 5, 5), (2, 3, 0)], ids=str)
def test_a_batch_without_values_gives_none(shape, recorded, way):
    x = torch.zeros(shape).requires_grad_(recorded)
    y = ScaleShift(SCALE, SHIFT, activation="relu")(x)
    assert y.shape == x.shape
    if recorded:
        y.sum().backward()
        assert x.grad.shape == x.shape


def test_under_autocast_a_conv_in_front_is_taken():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), ScaleShift(SCALE, SHIFT, activation="relu"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(X).dtype is torch.bfloat16


def test_the_hooks_of_an_activation_module_see_the_sum():
    seen, relu = [], nn.ReLU()
    relu.register_forward_hook(lambda module, args, output: seen.append((args[0].clone(), output)))
    y = ScaleShift(SCALE, SHIFT, activation=relu)(X)
    torch.testing.assert_close(seen[0][0], ScaleShift(SCALE, SHIFT)(X))
    assert seen[0][1] is y


def test_a_module_as_activation_is_trained():
    layer = ScaleShift(SCALE, SHIFT, activation=nn.PReLU())
    layer(X).sum().backward()
    assert layer.activation.weight.grad is not None


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (ScaleShift(SCALE, SHIFT), "ScaleShift(3)"),
        (ScaleShift(SCALE, None, activation="relu"), "ScaleShift(3, shift=None, activation='relu')"),
        (ScaleShift(None, SHIFT, activation=nn.ReLU()), "ScaleShift(\n  3, scale=None\n  (activation): ReLU()\n)"),
    ],
)
def test_the_layer_says_what_it_is(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((None, None), ValueError, "expected scale, shift or both, got neither"),
        (([1.0], None), TypeError, "scale must be a tensor of floating point, got list"),
        (
            (SCALE, torch.ones(3, dtype=torch.long)),
            TypeError,
            "shift must be a tensor of floating point, got torch.int64",
        ),
        ((SCALE.reshape(1, 3), None), ValueError, r"scale must have the shape \(C,\), one .*, got \(1, 3\)"),
        ((SCALE, SHIFT[:2]), ValueError, r"shift must have the shape of scale, \(3,\), got \(2,\)"),
        ((SCALE, SHIFT.double()), ValueError, "shift must have the dtype of scale, torch.float32, got torch.float64"),
        ((SCALE, SHIFT.to("meta")), ValueError, "shift must have the device of scale, cpu, got meta"),
    ],
)
def test_constants_that_are_none_are_refused_at_once(arguments, kind, message):
    with pytest.raises(kind, match=message):
        ScaleShift(*arguments)


def test_an_activation_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"got 'rleu'. Did you mean 'relu'"):
        ScaleShift(SCALE, SHIFT, activation="rleu")
    layer = ScaleShift(SCALE, SHIFT)
    for later, message in ((nn.ReLU, "the class ReLU"), (3, "got int")):
        layer.activation = later
        with pytest.raises(TypeError, match=message):
            layer(X)


@pytest.mark.parametrize(
    ("x", "kind", "message"),
    [
        ([1.0], TypeError, r"x must be a tensor of shape \(N, C, \*\), got list"),
        (X.long(), NotImplementedError, "x must be of a floating-point dtype, got torch.int64"),
        (X[0, 0, 0], ValueError, r"x: expected the shape \(N, C, \*\), got \(6,\)"),
        (X[:, :2], ValueError, r"shift: expected 2 values, one per channel \(axis 1\) of x \(4, 2, 5, 6\)"),
        (X.to("meta"), RuntimeError, "shift must be on the device of x, meta, got cpu"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(x, kind, message):
    with pytest.raises(kind, match=message):
        ScaleShift(None, SHIFT)(x)


def test_the_function_refuses_neither_and_two_dtypes():
    with pytest.raises(ValueError, match="expected scale, shift or both, got neither"):
        channel_affine(X)
    with pytest.raises(
        RuntimeError, match=r"scale and shift must have one dtype, got torch.float32 and torch.bfloat16"
    ):
        channel_affine(X.bfloat16(), SCALE, SHIFT.bfloat16())


def test_the_function_calls_an_activation_of_ones_own():
    torch.testing.assert_close(
        channel_affine(X, SCALE, SHIFT, activation=F.relu), ScaleShift(SCALE, SHIFT, activation="relu")(X)
    )
