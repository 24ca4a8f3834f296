"""Any shape, dtype and layout of memory, sizes that do not divide, and derivatives of derivatives."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from batchnorm.functional import batch_norm, batch_norm_add
from batchnorm.nn import Ghost

from ..batch_norm_cases import errors, make_case, run
from ..strided_inputs import inputs
from .oracle import EVALUATION, TRAINING, expected, ghost

FAR_ON = torch.tensor(4)
NATIVE = ["composed", "native"]
BOUNDS = {torch.float64: 1e-9, torch.float32: 3e-4, torch.bfloat16: 6e-2, torch.float16: 1e-2}
"""The errors that are allowed, as a share of the largest value: of slices with few values, whose deviation is small."""
CASES = [(text, True) for text in TRAINING] + [(text, False) for text in EVALUATION if text.startswith("blend")]


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    st.sampled_from(CASES),
    st.lists(st.integers(1, 5), min_size=2, max_size=5),
    st.sampled_from([*BOUNDS]),
    st.sampled_from(["auto", *NATIVE]),
    st.integers(0, 99),
)
def test_any_shape_and_dtype_is_the_formula(case, shape, dtype, route, seed):
    text, training = case
    shape = [shape[0] + 3, *shape[1:]]
    parameters = torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype
    arguments, dy = make_case(shape, dtype=dtype, parameters=parameters, seed=seed)
    # A slice of two values that are close to each other magnifies every rounding: these are 1 apart at least.
    arguments[0] += (torch.arange(shape[0]) % 4).reshape(-1, *(1,) * (len(shape) - 1)) * 4
    options = {"training": training, "num_batches_tracked": FAR_ON, "route": route, "moments": text}
    found = run(batch_norm, arguments, dy, **options)
    wanted = expected(text, arguments, dy, training=training, tracked=4)
    assert {name: error for name, error in errors(found, wanted).items() if not error < BOUNDS[dtype]} == {}


@settings(derandomize=True, deadline=None)
@given(st.integers(2, 40), st.integers(1, 50), st.sampled_from([(), (1,), (2,), (3, 2)]))
def test_any_size_of_a_slice_cuts_as_split_does(count, size, image):
    """But for a last slice of one value, which joins the one before; where all are of one value nothing can be done."""
    if size == 1 and image in ((), (1,)):
        return
    x = torch.randn(count, 3, *image, dtype=torch.float64, generator=torch.Generator().manual_seed(count))
    y = batch_norm(x, None, None, training=True, moments=Ghost(size))
    torch.testing.assert_close(y, ghost(size)(x, None, None, 1e-5, 0))


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 4))
def test_slices_hold_every_sample_once_in_order(count, size, inner):
    sizes = Ghost(size).sizes(count, inner)
    assert sum(sizes) == count
    assert all(one == size for one in sizes[:-1])
    assert sizes[-1] <= size + 1


@pytest.mark.parametrize("route", ["auto", *NATIVE])
@pytest.mark.parametrize("shape", [(6, 4), (4, 3, 5, 6), (4, 3, 1, 6)], ids=str)
@pytest.mark.parametrize(("text", "training"), [*CASES, ("ghost:2", False)])
def test_memory_of_any_kind_gives_the_same_and_torchs_strides(text, training, shape, route):
    call = partial(batch_norm, training=training, moments=text, num_batches_tracked=FAR_ON, route=route)
    for x in inputs(shape):
        state = torch.full((x.shape[1],), 0.25), torch.full((x.shape[1],), 2.0)
        y = call(x, *(values.clone() for values in state))
        if x[:, 0].unique().numel() == x[:, 0].numel():  # of an expanded one a slice has no deviation but rounding
            plain = call(x.double(), *(values.double() for values in state), route="composed")
            torch.testing.assert_close(y.double(), plain, rtol=1e-3, atol=1e-3)
        assert y.stride() == torch.nn.functional.batch_norm(x, *state).stride()


@pytest.mark.parametrize("route", NATIVE)
@pytest.mark.parametrize(("text", "training"), CASES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_computed_in_float32_whatever_the_parameters(text, training, dtype, route):
    """Of float32 parameters, and of half ones that are rounded as these are."""
    arguments, dy = make_case((8, 3, 4, 5), dtype=dtype)
    wide = [arguments[0], *(values.float() for values in arguments[1:])]
    options = {"training": training, "moments": text, "num_batches_tracked": FAR_ON, "route": route}
    narrow, found = run(batch_norm, arguments, dy, **options), run(batch_norm, wide, dy, **options)
    eps = 4 * torch.finfo(dtype).eps
    for name in ("y", "dx", "running_mean", "running_var"):
        scale = max(1, abs(found[name]).max())
        assert abs(narrow[name] - found[name]).max() < eps * scale


SMALL = [(5, 2), (5, 2, 3)]


def differentiable(text, training, route, shape):
    """A function of (x, weight, bias) and where it is differentiated; slices of two values have no smooth deviation."""
    (x, mean, var, weight, bias), _ = make_case(shape, dtype=torch.float64)
    inputs = tuple(values.requires_grad_() for values in (x, weight, bias))

    def call(x, weight, bias):
        state = None, None
        if not text.startswith(("batch", "ghost")) or not training:
            state = mean.clone(), var.clone()
        options = {"moments": text, "num_batches_tracked": FAR_ON, "route": route}
        return batch_norm(x, *state, weight, bias, training, **options)

    return call, inputs


WITH_CONSTANTS = ("renorm", "population")


@pytest.mark.parametrize("shape", SMALL, ids=str)
@pytest.mark.parametrize("route", ["auto", "composed", "native", "fused"])
@pytest.mark.parametrize(("text", "training"), CASES)
def test_derivatives_are_those_of_differences(text, training, route, shape):
    """Not of the sources that let no gradient pass where the numbers change: the formulas are for these."""
    call, inputs = differentiable(text, training, route, shape)
    if text.startswith(WITH_CONSTANTS) and text != "population:none":
        _, weight, bias = inputs
        x = inputs[0].detach()
        assert gradcheck(lambda *affine: call(x, *affine), (weight, bias))
    else:
        assert gradcheck(call, inputs)


@pytest.mark.parametrize("route", ["auto", "composed", "native", "fused"])
@pytest.mark.parametrize(("text", "training"), [case for case in CASES if not case[0].startswith(WITH_CONSTANTS)])
def test_second_derivatives_are_those_of_differences(text, training, route):
    call, inputs = differentiable(text, training, route, (5, 2))
    assert gradgradcheck(call, inputs, atol=1e-4)


@pytest.mark.parametrize("route", ["auto", "composed", "native", "fused"])
@pytest.mark.parametrize("text", [text for text in TRAINING if text.startswith(WITH_CONSTANTS)])
def test_second_derivatives_past_constants_are_those_of_the_formula(text, route):
    """The gradient of the gradient's square, where r and d are constants in both."""
    (x, mean, var, weight, bias), dy = make_case((6, 3, 4), dtype=torch.float64)

    def twice(function):
        leaves = [values.clone().requires_grad_() for values in (x, weight, bias)]
        (first,) = torch.autograd.grad((function(*leaves) * dy).sum(), leaves[0], create_graph=True)
        return torch.autograd.grad(first.square().sum(), leaves[:2], allow_unused=True, materialize_grads=True)

    options = {"moments": text, "num_batches_tracked": FAR_ON, "route": route}
    found = twice(lambda x, w, b: batch_norm(x, mean.clone(), var.clone(), w, b, True, **options))
    wanted = twice(lambda x, w, b: TRAINING[text](x, mean, var, 1e-5, 4) * w[None, :, None] + b[None, :, None])
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("names", [("dx",), ("dweight",), ("dbias",), ("dweight", "dbias")], ids=str)
@pytest.mark.parametrize(("text", "training"), CASES)
def test_the_gradient_of_some_is_that_of_all(names, text, training):
    """Parameters that are frozen, or an input that needs no gradient, change nothing for the others."""
    (x, mean, var, weight, bias), dy = make_case((9, 4, 3), dtype=torch.float64)
    options = {"moments": text, "num_batches_tracked": FAR_ON}
    whole = run(batch_norm, (x, mean, var, weight, bias), dy, training=training, **options)
    leaves = {"dx": x, "dweight": weight, "dbias": bias}
    for name in names:
        leaves[name].requires_grad_()
    batch_norm(x, mean.clone(), var.clone(), weight, bias, training, **options).backward(dy)
    for name, leaf in leaves.items():
        assert (leaf.grad is not None) == (name in names)
        if leaf.grad is not None:
            torch.testing.assert_close(leaf.grad, torch.from_numpy(whole[name]))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(("text", "training"), CASES)
def test_without_gradients_the_numbers_are_the_same(mode, text, training):
    arguments, dy = make_case((9, 4, 3), dtype=torch.float64)
    options = {"moments": text, "num_batches_tracked": FAR_ON, "training": training}
    wanted = run(batch_norm, arguments, dy, **options)
    with mode():
        x, mean, var, weight, bias = (values.clone() for values in arguments)
        y = batch_norm(x, mean, var, weight, bias, **options)
    assert not y.requires_grad
    for found, name in ((y, "y"), (mean, "running_mean"), (var, "running_var")):
        torch.testing.assert_close(found.clone(), torch.from_numpy(wanted[name]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_gradients_of_sums_in_slices_are_differentiated_again(size, form):
    """27 values of a slice end within a byte of the bits that say where ReLU let the sum pass."""

    def by_torch(x, residual):
        parts = zip(x.split(size), residual.split(size), strict=True)
        return torch.cat([F.relu(F.batch_norm(part, None, None, training=True) + beside) for part, beside in parts])

    def by_kernels(x, residual):
        return batch_norm_add(x, residual, None, None, training=True, moments=Ghost(size), route="fused")

    found, wanted = (second_order(function, form) for function in (by_kernels, by_torch))
    torch.testing.assert_close(found, wanted)


def second_order(function, form):
    """The gradients of a sum of squares, and those of their squares."""
    draw = torch.Generator().manual_seed(0)
    inputs = [torch.randn(4, 3, 3, 3, dtype=torch.float64, generator=draw) for _ in range(2)]
    inputs = [one.to(memory_format=form).requires_grad_() for one in inputs]
    first = torch.autograd.grad(function(*inputs).square().sum(), inputs, create_graph=True)
    return *first, *torch.autograd.grad(sum(one.square().sum() for one in first), inputs)
