"""The sweeps on a GPU against their formulas in float64; tests/kernels/test_gpu_parts.py has them by replicas."""

import pytest
import torch

from batchnorm.kernels import Affine, Back, for_tensor
from batchnorm.kernels import gpu as kernels

from ..kernels.cases import LAYOUTS, draw
from ..kernels.test_gpu_parts import column, formulas

SHAPES = {"(N, C)": (33, 5), "(N, C, L)": (7, 6, 11), "images": (8, 16, 14, 14), "volumes": (2, 4, 3, 4, 5)}
TOLERANCE = {torch.float64: 1e-12, torch.float32: 4e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}
CASES = [
    (kind, layout, dtype)
    for kind in SHAPES
    for layout in LAYOUTS
    for dtype in TOLERANCE
    if kind != "(N, C)" or layout == "contiguous"
]


def on(device, *tensors):
    return [None if t is None else t.to(device) for t in tensors]


def assert_near(found, exact, dtype):
    largest = max(1.0, float(exact.abs().max()))
    torch.testing.assert_close(found.double().cpu(), exact, rtol=0, atol=TOLERANCE[dtype] * largest)


@pytest.mark.parametrize(("kind", "layout", "dtype"), CASES, ids=str)
def test_apply_sums_and_apply_back_are_their_formulas(gpu, kind, layout, dtype):
    x, dy = (LAYOUTS[layout](draw(SHAPES[kind], seed).to(dtype)) for seed in (0, 1))
    channels = x.shape[1]
    affine = Affine(*(draw(channels, seed) for seed in (2, 3, 4)))
    affine.scale[0] = 0.0
    back = Back(draw(channels, 5), draw(channels, 6))
    y, (sum_dy, sum_dy_x), dx = formulas(dy, x, affine, back)
    x_there, dy_there = LAYOUTS[layout](x.to(gpu)), LAYOUTS[layout](dy.to(gpu))
    face, there = for_tensor(x_there), Affine(*on(gpu, *affine))
    assert face is kernels
    assert_near(face.apply(x_there, there).y, y, dtype)
    sums = face.sums(dy_there, x_there, there)
    assert_near(sums.dy, sum_dy, dtype)
    assert_near(sums.dy_x, sum_dy_x, dtype)
    assert_near(face.apply_back(dy_there, x_there, there, Back(*on(gpu, *back))).dx, dx, dtype)
    assert_near(face.apply_back(dy_there, x_there, there, None).dx, dy.double() * column(affine.scale, x), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_moments_without_our_kernel_are_those_of_float64(gpu, layout, dtype, monkeypatch):
    monkeypatch.setattr("batchnorm.kernels.gpu._moments.usable", lambda: False)
    x = LAYOUTS[layout]((3 * draw((8, 16, 14, 14), 0) + 5).to(dtype))
    mean, var = kernels.moments(LAYOUTS[layout](x.to(gpu)))
    exact_var, exact_mean = torch.var_mean(x.double(), (0, 2, 3), correction=0)
    rounding = 1e-12 if dtype is torch.float64 else 1e-5
    torch.testing.assert_close(mean.cpu(), exact_mean, rtol=rounding, atol=rounding)
    torch.testing.assert_close(var.cpu(), exact_var, rtol=rounding, atol=rounding)


def test_a_variance_of_0_and_an_infinite_one_are_told_apart(gpu, monkeypatch):
    monkeypatch.setattr("batchnorm.kernels.gpu._moments.usable", lambda: False)
    x = torch.full((4, 2, 5), 0.5, device=gpu)
    x[:, 1] = torch.finfo(torch.float32).max
    x[::2, 1] *= -1
    assert kernels.moments(x)[1].tolist() == [0.0, float("inf")]
