"""What does not fit is refused by every route with a message that helps, before anything has changed."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool
from batchnorm.functional._arguments import Arguments, check_tensors

X = torch.arange(300.0).reshape(4, 3, 5, 5)
ROUTES = ["auto", "composed", "native", "fused"]

RESIDUALS = {
    "None": (None, TypeError, "residual must be a tensor of the shape of x, got NoneType. Pass the tensor"),
    "a number": (1.0, TypeError, "got float"),
    "a list": ([1.0], TypeError, "got list"),
    "one that broadcasts": (X[:1], RuntimeError, r"shape of x, \(4, 3, 5, 5\), got \(1, 3, 5, 5\). .*expand_as"),
    "fewer axes": (X[0], RuntimeError, r"got \(3, 5, 5\)"),
    "wider": (X.double(), RuntimeError, "dtype of x, torch.float32, got torch.float64. Convert it"),
    "integers": (X.int(), RuntimeError, "got torch.int32"),
    "elsewhere": (X.to("meta"), RuntimeError, "device of x, cpu, got meta. Move it"),
}
POOLS = {
    "0": ((X, 0), ValueError, "kernel_size must be at least 1, got 0. The usual value is 2"),
    "negative": ((X, -2), ValueError, "got -2"),
    "a bool": ((X, True), TypeError, "kernel_size must be an integer, got True. Pass one number"),
    "a fraction": ((X, 2.0), TypeError, "got 2.0"),
    "a pair": ((X, (2, 2)), TypeError, r"got \(2, 2\)"),
    "NumPy's": ((X, np.int64(2)), TypeError, "must be an integer, got"),
    "None": ((X, None), TypeError, "got None"),
    "three axes": ((X[0], 2), RuntimeError, r"x must have the shape \(N, C, H, W\), got \(3, 5, 5\)"),
    "five axes": ((X[None], 2), RuntimeError, r"got \(1, 4, 3, 5, 5\). .* a pool of that many axes"),
    "too low": ((X[:, :, :1], 2), RuntimeError, r"images of at least 2x2, .* got shape \(4, 3, 1, 5\)"),
    "too narrow": ((X[..., :2], 3), RuntimeError, r"at least 3x3, .* Use a smaller kernel_size"),
    "no pixels": ((X[..., :0], 1), RuntimeError, r"got shape \(4, 3, 5, 0\)"),
    "no channels": ((X[:, :0], 2), RuntimeError, r"must have channels and .* got shape \(4, 0, 5, 5\)"),
}


def statistics(channels=3):
    return torch.zeros(channels), torch.ones(channels)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", RESIDUALS)
def test_a_residual_that_does_not_fit_is_refused_and_nothing_changes(case, training, route):
    residual, kind, message = RESIDUALS[case]
    mean, var = statistics()
    with pytest.raises(kind, match=f"^batch_norm_add: .*{message}"):
        batch_norm_add(X, residual, mean, var, training=training, route=route)
    assert (mean.tolist(), var.tolist()) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", POOLS)
def test_a_pool_that_does_not_fit_is_refused_and_nothing_changes(case, training, route):
    (x, size), kind, message = POOLS[case]
    channels = x.shape[1]
    mean, var = statistics(channels)
    with pytest.raises(kind, match=f"^batch_norm_pool: .*{message}"):
        batch_norm_pool(x, mean, var, training=training, kernel_size=size, route=route)
    assert (mean.tolist(), var.tolist()) == ([0.0] * channels, [1.0] * channels)


@pytest.mark.parametrize("case", ["three axes", "too low", "too narrow", "no pixels", "no channels"])
def test_torch_refuses_to_pool_what_is_refused(case):
    (x, size), kind, _ = POOLS[case]
    if case == "three axes":  # torch takes a single image; it has no batch to be normalized by
        assert F.max_pool2d(x, size).dim() == 3
        return
    with pytest.raises(kind, match=r"[Oo]utput size is too small|non-zero|optional 0 dim"):
        F.max_pool2d(x, size)


def test_a_residual_and_a_pool_together_are_refused():
    arguments = Arguments(X, None, None, None, None, True, 0.1, 1e-5, None, X, 2)
    with pytest.raises(ValueError, match=r"expected a residual or a pool, got both\. Add the residual with batch_norm"):
        check_tensors(arguments)


FUNCTIONS = {
    "add": lambda x, *others, **options: batch_norm_add(x, x, *others, **options),
    "pool": batch_norm_pool,
}
REFUSED = {
    "x": (([[1.0]], None, None), {"training": True}, "x must be a tensor"),
    "one value per channel": ((X[:1, :, :1, :1], None, None), {"training": True}, "more than 1 value"),
    "evaluation without buffers": ((X, None, None), {}, "running_mean must be given"),
    "channels": ((X, *statistics(4)), {}, "running_mean must have 3 values.*got 4"),
    "eps": ((X, None, None), {"training": True, "eps": 0.0}, "eps must be positive"),
    "activation": ((X, None, None), {"training": True, "activation": "rleu"}, "Did you mean 'relu'"),
    "route": ((X, None, None), {"training": True, "route": "nativ"}, "Did you mean 'native'"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_batch_norm_refuses_they_refuse_with_the_same_error(case, function):
    arguments, options, message = REFUSED[case]
    kind = (ValueError, TypeError, RuntimeError)
    with pytest.raises(kind, match=message) as found:
        FUNCTIONS[function](*arguments, **options)
    with pytest.raises(kind, match=message) as expected:
        batch_norm(*arguments, **options)
    assert (found.type, str(found.value)) == (expected.type, str(expected.value))
