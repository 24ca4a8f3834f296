"""Are the sweeps on a GPU, made of torch's operators, what the formulas say? Here by replicas of these on a CPU."""

import numpy as np
import pytest
import torch

from batchnorm.kernels import Affine, Back, Behind, gpu

from .cases import LAYOUTS, draw
from .synchronized import OPERATORS

SHAPES = {"(N, C)": (9, 3), "images": (3, 5, 7, 4), "volumes": (2, 4, 2, 3, 5)}
PLACES = [(kind, layout) for kind in SHAPES for layout in LAYOUTS if kind != "(N, C)" or layout == "contiguous"]


@pytest.fixture(autouse=True)
def _replicas(monkeypatch):
    for operator in OPERATORS:
        monkeypatch.setattr(torch, operator.__name__, operator)


def column(values, x):
    return values.double().reshape(1, -1, *(1,) * (x.dim() - 2))


def formulas(dy, x, affine, back):
    """What the three sweeps must give, in float64."""
    zeros = torch.zeros(x.shape[1])
    center, scale = column(zeros if affine.center is None else affine.center, x), affine.scale
    scale = column(zeros + 1 if scale is None else scale, x)
    distance, g = x.double() - center, dy.double()
    axes = (0, *range(2, x.dim()))
    dx = g * scale
    return (
        distance * scale + (0 if affine.shift is None else column(affine.shift, x)),
        (g.sum(axes), (g * distance).sum(axes)),
        dx if back is None else dx + distance * column(back.of_x, x) + column(back.constant, x),
    )


def assert_are_the_formulas(dy, x, affine, back):
    y, (sum_dy, sum_dy_x), dx = formulas(dy, x, affine, back)
    rounding = 16 * torch.finfo(x.dtype).eps
    for found, exact in (
        (gpu.apply(x, affine).y, y),
        (gpu.sums(dy, x, affine).dy, sum_dy),
        (gpu.sums(dy, x, affine).dy_x, sum_dy_x),
        (gpu.apply_back(dy, x, affine, back).dx, dx),
    ):
        torch.testing.assert_close(found.double(), exact, rtol=rounding, atol=rounding * float(exact.abs().max()))


def numbers(channels):
    """Of each kind: scales of both signs, around 0, and 0 itself."""
    scale = draw(channels, 2)
    scale[0] = 0.0
    scale[1] = 1e-30
    return Affine(draw(channels, 1), scale, draw(channels, 3)), Back(draw(channels, 4), draw(channels, 5))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("kind", "layout"), PLACES)
def test_apply_sums_and_apply_back_are_their_formulas(kind, layout, dtype):
    x, dy = (LAYOUTS[layout](draw(SHAPES[kind], seed).to(dtype)) for seed in (6, 7))
    affine, back = numbers(x.shape[1])
    for a in (affine, Affine(), Affine(scale=affine.scale), Affine(shift=affine.shift)):
        assert_are_the_formulas(dy, x, a, back)
        assert_are_the_formulas(dy, x, a, None)


def test_a_huge_mean_costs_no_digits():
    center = torch.full((5,), 1e6 + 0.3, dtype=torch.float64)
    x = (1e6 + draw(SHAPES["images"], 0)).float()
    _, back = numbers(5)
    assert_are_the_formulas(draw(SHAPES["images"], 1).float(), x, Affine(center, draw(5, 2), draw(5, 3)), back)


def test_a_scale_of_0_lets_nothing_through_but_what_comes_back_through_the_moments():
    x, dy = draw((4, 2, 3), 0), draw((4, 2, 3), 1)
    affine = Affine(draw(2, 2), torch.zeros(2))
    nothing = gpu.apply_back(dy, x, affine, Back(torch.zeros(2), torch.zeros(2))).dx
    assert nothing.abs().max() == 0
    constant = gpu.apply_back(dy, x, affine, Back(torch.zeros(2), torch.ones(2))).dx
    torch.testing.assert_close(constant, torch.ones_like(dy))


def test_without_a_part_of_the_moments_an_infinite_x_has_the_gradient_of_any_other():
    x, dy = draw((4, 2, 3), 0), draw((4, 2, 3), 1)
    x[1, 1, 1] = float("inf")
    scale = draw(2, 2)
    torch.testing.assert_close(gpu.apply_back(dy, x, Affine(None, scale), None).dx, dy * scale[:, None])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_moments_by_torchs_operator_are_those_of_numpy(dtype):
    x = (3 * draw((6, 3, 5), 0) + draw((1, 3, 1), 1)).to(dtype)
    mean, var = gpu.moments(x)
    values, eps = x.double().numpy(), torch.finfo(dtype).eps
    assert mean.dtype is var.dtype is torch.float64
    np.testing.assert_allclose(mean, values.mean((0, 2)), rtol=8 * eps, atol=8 * eps)
    np.testing.assert_allclose(var, values.var((0, 2)), rtol=8 * eps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_variance_of_0_and_an_infinite_one_are_told_apart(dtype):
    x = torch.full((4, 3, 5), 0.1, dtype=dtype)
    x[:, 1] *= torch.finfo(dtype).max
    x[::2, 1] *= -1
    x[0, 2, 0] = float("nan")
    _, var = gpu.moments(x)
    assert var[:2].tolist() == [0.0, float("inf")]
    assert var[2].isnan()


def test_a_gradient_in_another_layout_is_brought_to_that_of_x():
    x, dy = draw((2, 3, 4, 5), 0), draw((2, 3, 4, 5), 1).contiguous(memory_format=torch.channels_last)
    affine, back = numbers(3)
    assert gpu.apply_back(dy, x, affine, back).dx.stride() == x.stride()
    assert_are_the_formulas(dy, x, affine, back)


REFUSED = {
    "apply: on a GPU expected nothing behind": lambda x: gpu.apply(x, Affine(), Behind("relu")),
    "apply: on a GPU expected": lambda x: gpu.apply(x, Affine(), residual=x),
    "sums: on a GPU expected": lambda x: gpu.sums(x, x, Affine(), Behind(add=True)),
    "apply_back: on a GPU expected": lambda x: gpu.apply_back(x, x, Affine(), None, Behind(pool=True)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_steps_behind_are_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message](torch.ones(2, 3))


def test_a_batch_without_values_has_sums_and_moments_of_0():
    x, affine = torch.empty(0, 3, 4), Affine()
    assert gpu.moments(x)[1].tolist() == gpu.sums(x, x, affine).dy.tolist() == [0.0] * 3
    assert gpu.apply(x, affine).y.shape == gpu.apply_back(x, x, affine, None).dx.shape == x.shape
