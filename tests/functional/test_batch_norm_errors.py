"""Where torch raises, both routes raise the same type, before anything has changed."""

import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm

X = torch.arange(300.0).reshape(4, 3, 5, 5)
ZEROS, ONES = torch.zeros(3), torch.ones(3)

REFUSED = {
    "one value per channel": ((X[:1, :, 0, 0], ZEROS, ONES), {"training": True}, "more than 1 value"),
    "one value, no buffers": ((X[:1, :, 0, 0], None, None), {"training": True}, "more than 1 value"),
    "evaluation without buffers": ((X, None, None), {}, "running_mean must be given"),
    "evaluation without mean": ((X, None, ONES), {}, "running_mean must be given"),
    "evaluation without var": ((X, ZEROS, None), {}, "running_var must be given"),
    "mean alone": ((X, ZEROS, None), {"training": True}, "got running_var=None"),
    "var alone": ((X, None, ONES), {"training": True}, "got running_mean=None"),
    "channels of mean": ((X, torch.zeros(4), ONES), {}, "running_mean must have 3 values.*got 4"),
    "channels of var": ((X, ZEROS, torch.ones(1)), {}, "running_var must have 3 values.*got 1"),
    "channels of weight": ((X, ZEROS, ONES, torch.ones(1)), {}, "weight must have 3 values.*got 1"),
    "channels of bias": ((X, ZEROS, ONES, None, torch.ones(6)), {}, "bias must have 3 values"),
    "axes of mean": ((X, torch.zeros(3, 1), torch.ones(3, 1)), {}, "must have one axis"),
    "integers": ((X.int(), ZEROS, ONES), {}, "floating-point dtype, got torch.int32"),
    "complex numbers": ((X.cfloat(), None, None), {"training": True}, "got torch.complex64"),
    "no axes": ((torch.tensor(1.0), ZEROS, ONES), {}, "shape \\(N, C, \\*\\), got \\(\\)"),
    "one axis": ((torch.ones(3), ZEROS, ONES), {"training": True}, "shape \\(N, C, \\*\\)"),
    "one axis, no buffers": ((torch.ones(3), None, None), {"training": True}, "Add the missing axes"),
    "buffers wider": ((X, ZEROS.double(), ONES.double()), {}, "running_mean must have the dtype"),
    "parameters wider": ((X, None, None, ONES.double()), {"training": True}, "weight must have"),
    "half parameters": ((X, None, None, ONES.half()), {"training": True}, "weight must have"),
    "mixed buffers": ((X, ZEROS.double(), ONES), {}, "running_mean must have the dtype"),
    "half beside float32": ((X.half(), ZEROS, ONES, ONES.half()), {}, "weight must have the dtype"),
    "the other half": ((X.half(), None, None, ONES.bfloat16()), {"training": True}, "weight must"),
    "device": ((X, ZEROS.to("meta"), ONES.to("meta")), {"training": True}, "on the device of x, cpu"),
    "eps 0": ((X, ZEROS, ONES), {"training": True, "eps": 0.0}, "eps must be positive"),
    "eps negative": ((X, ZEROS, ONES), {"eps": -1.0}, "eps must be non-negative, got -1.0"),
    "eps None": ((X, ZEROS, ONES), {"training": True, "eps": None}, "eps must be a number, got None"),
    "eps of text": ((X, ZEROS, ONES), {"eps": "1e-5"}, "eps must be a number, got '1e-5'"),
    "momentum of text": ((X, ZEROS, ONES), {"training": True, "momentum": "0.1"}, "got '0.1'"),
    "momentum None": ((X, ZEROS, ONES), {"training": True, "momentum": None}, "got None"),
    "momentum of three": ((X, ZEROS, ONES), {"training": True, "momentum": ONES}, "shape \\(3,\\)"),
    "training 1": ((X, ZEROS, ONES), {"training": 1}, "training must be a bool, got int"),
    "gradient of mean": ((X, ZEROS.clone().requires_grad_(), ONES), {}, "require a gradient"),
}


def raised_by_torch(arguments, options):
    try:
        F.batch_norm(*arguments, **options)
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize("case", REFUSED)
def test_raises_what_torch_raises_with_a_message_that_helps(case, route):
    arguments, options, message = REFUSED[case]
    expected = raised_by_torch(arguments, options)
    assert expected is not None
    with pytest.raises(expected, match=f"^batch_norm: .*{message}") as ours:
        batch_norm(*arguments, **options, route=route)
    assert ours.type is expected


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_an_x_that_is_no_tensor_is_a_type_error(route):
    with pytest.raises(TypeError, match=r"x must be a tensor of shape .* got list"):
        batch_norm([[1.0]], None, None, training=True, route=route)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
@pytest.mark.parametrize(
    "broken",
    [
        {"weight": torch.ones(4)},
        {"activation": "rleu"},
        {"route": "nativ"},
        {"eps": 0.0},
        {"momentum": None},
    ],
    ids=str,
)
def test_a_call_that_is_refused_changes_no_statistics(broken, route):
    mean, var = ZEROS.clone(), ONES.clone()
    options = {"training": True, "route": route} | broken
    with pytest.raises((ValueError, RuntimeError, TypeError), match="got"):
        batch_norm(X, mean, var, **options)
    assert (mean.tolist(), var.tolist()) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_statistics_that_require_a_gradient_are_fine_where_none_is_taken(route):
    mean, var = ZEROS.clone().requires_grad_(), ONES.clone().requires_grad_()
    with torch.no_grad():
        y = batch_norm(X, mean, var, route=route)
        torch.testing.assert_close(y, F.batch_norm(X, mean, var))


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_a_weight_with_more_axes_is_taken_as_torch_takes_it(route):
    weight = torch.tensor([[1.0], [2.0], [3.0]])
    y = batch_norm(X, ZEROS, ONES, weight, route=route)
    torch.testing.assert_close(y, F.batch_norm(X, ZEROS, ONES, weight))


def test_the_gradient_of_a_weight_with_more_axes_has_its_shape():
    weight = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    (dweight,) = torch.autograd.grad(batch_norm(X, ZEROS, ONES, weight, route="fused").sum(), weight)
    torch.testing.assert_close(dweight, X.transpose(0, 1).flatten(1).sum(1, keepdim=True) / (1 + 1e-5) ** 0.5)


@pytest.mark.parametrize("route", ["composed", "native", "fused"])
def test_one_value_per_channel_is_fine_in_evaluation(route):
    x = torch.tensor([[2.0, 4.0]])
    y = batch_norm(x, torch.ones(2), torch.full((2,), 4.0), eps=0.0, route=route)
    assert y.tolist() == [[0.5, 1.5]]
