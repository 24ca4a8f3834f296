"""Are the sweeps one by one what the formulas say, for numbers by channel that are nobody's moments?"""

import numpy as np
import pytest
import torch

from batchnorm.kernels import Affine, Back, Behind, cpu

from .cases import DTYPES, FAMILIES, LAYOUTS, draw, errors, make_case
from .oracle import axes_of, columns, oracle, wide

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = {"(N, C)": (9, 3), "(N, C, L)": (5, 13, 11), "images": (3, 9, 7, 10), "volumes": (2, 8, 2, 3, 5)}
CASES = [
    (family, kind, layout, dtype)
    for family in FAMILIES
    for kind in SHAPES
    for layout in LAYOUTS
    for dtype in DTYPES
    if (family != "pool" or kind == "images") and (kind != "(N, C)" or layout == "contiguous")
]


def behind(case):
    return Behind(case.activation, case.residual is not None, case.pool)


def affine(case):
    """The pair of the running statistics, around their mean."""
    std = (case.running_var.double() + case.eps).sqrt()
    return Affine(case.running_mean.double(), case.weight.double() / std, case.bias)


def back(case):
    channels = case.x.shape[1]
    return Back(draw(channels, 11), draw(channels, 12))


def expected(case, a, b):
    """What the three sweeps must give, by name; g is what `oracle` calls the gradient of a residual."""
    found = oracle(case)
    x, g, axes = wide(case.x), found["dresidual"], axes_of(found["dresidual"])
    center, scale = columns(wide(a.center), x), columns(wide(a.scale), x)
    dx = g * scale if b is None else g * scale + (x - center) * columns(wide(b.of_x), x) + columns(wide(b.constant), x)
    return {"y": found["y"], "dy": g.sum(axes), "dy_x": (g * (x - center)).sum(axes), "dx": dx, "dresidual": g}


def parts(case, a, b):
    """The three sweeps, by name."""
    y, masks = cpu.apply(case.x, a, behind(case), case.residual)
    sums = cpu.sums(case.dy, case.x, a, behind(case), masks)
    dx, dresidual = cpu.apply_back(case.dy, case.x, a, b, behind(case), masks)
    found = {"y": y, "dy": sums.dy, "dy_x": sums.dy_x, "dx": dx}
    return found if dresidual is None else found | {"dresidual": dresidual}


def excess(case, a, b, roundings=8):
    """What errs by more than some roundings, as a share of the largest value; sums are rounded as float32 at best."""
    eps = torch.finfo(case.x.dtype).eps
    shares = errors(parts(case, a, b), expected(case, a, b))
    return {name: share for name, share in shares.items() if not share <= roundings * eps}


@pytest.mark.parametrize(("family", "kind", "layout", "dtype"), CASES, ids=str)
def test_apply_sums_and_apply_back_are_their_formulas(family, kind, layout, dtype):
    case = make_case(family, SHAPES[kind], dtype, layout=layout, training=False)
    assert excess(case, affine(case), back(case)) == {}
    assert excess(case, affine(case), None) == {}


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", ["relu", "add", "pool"])
def test_over_large_tensors_they_are_their_formulas_too(family, layout):
    case = make_case(family, (8, 40, 37, 41), torch.float32, layout=layout, training=False)
    assert excess(case, affine(case), back(case)) == {}


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", ["silu", "add", "pool"])
def test_any_number_of_threads_gives_the_same_bits(family, layout):
    case = make_case(family, (6, 13, 23, 19), torch.float32, layout=layout, training=False)
    one = parts(case, affine(case), back(case))
    torch.set_num_threads(3)  # `one_thread` puts it back
    three = parts(case, affine(case), back(case))
    assert all(torch.equal(one[name], three[name]) for name in one)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_by_the_batchs_own_moments_they_are_the_joined_forms_up_to_rounding(family, layout, dtype):
    case = make_case(family, SHAPES["images"], dtype, layout=layout)
    steps = (case.weight, case.bias, case.eps, case.activation, case.residual)
    joined = cpu.forward(case.x, None, *steps, pool=case.pool)
    rules = (case.eps, case.activation, case.residual is not None, True)
    gradients = cpu.backward(
        case.dy, case.x, joined.mean, joined.var, case.weight, case.bias, joined.masks, *rules, pool=case.pool
    )
    mean, var = cpu.moments(case.x)
    count, std = case.x.numel() // len(mean), (var + case.eps).sqrt()
    a = Affine(mean, case.weight.double() / std, case.bias)
    y, masks = cpu.apply(case.x, a, behind(case), case.residual)
    sums = cpu.sums(case.dy, case.x, a, behind(case), masks)
    b = Back(-a.scale / std.square() * sums.dy_x / count, -a.scale * sums.dy / count)
    dx, _ = cpu.apply_back(case.dy, case.x, a, b, behind(case), masks)
    rounding = 4 * torch.finfo(dtype).eps
    for found, wanted in (
        (y, joined.y),
        (dx, gradients.dx),
        (sums.dy, gradients.dbias),
        (sums.dy_x / std, gradients.dweight),
    ):
        torch.testing.assert_close(found.double(), wanted.double(), rtol=rounding, atol=rounding)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", ["identity", "add", "pool"])
def test_a_huge_mean_costs_no_digits(family, layout):
    """A center that float32 has not, near values that have five digits of their own."""
    x = 1e6 + draw(SHAPES["images"], 0)
    case = make_case(family, SHAPES["images"], torch.float32, layout=layout, x=x, training=False)
    center = torch.full((9,), 1e6 + 0.3, dtype=torch.float64)
    case = case.over(running_mean=center, running_var=torch.ones(9), dy=case.dy.abs())
    a = Affine(center, case.weight.double() / np.sqrt(1 + case.eps), case.bias)
    assert excess(case, a, back(case)) == {}


PLACES = {"first": (0, 1, 0, 0), "last": (2, 1, 6, 9), "middle": (1, 1, 3, 4)}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_finite_stays_in_its_channel_and_where_the_formula_has_it(family, layout, value, where):
    case = make_case(family, SHAPES["images"], torch.float32, layout=layout, training=False)
    case.x[PLACES[where]] = value
    with np.errstate(invalid="ignore"):
        for b in (back(case), None):
            exact = expected(case, affine(case), b)
            for name, values in parts(case, affine(case), b).items():
                if name == "dy_x" and case.pool:
                    continue  # of a window the winner alone is read: no 0 * infinity of the others
                np.testing.assert_allclose(values.double(), exact[name].astype(float), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", ["identity", "relu", "add"])
def test_sums_of_products_that_float32_has_not_are_finite(family, layout):
    case = make_case(family, SHAPES["images"], torch.float32, layout=layout, training=False)
    case.x.mul_(1e25)
    case.dy.mul_(1e25)
    a = Affine(None, torch.full((9,), 1e-25), None)
    _, masks = cpu.apply(case.x, a, behind(case), case.residual)
    found = cpu.sums(case.dy, case.x, a, behind(case), masks)
    t = wide(case.x) * np.float32(1e-25) + (0 if case.residual is None else wide(case.residual))
    g = np.where(t > 0, wide(case.dy), 0) if case.activation == "relu" else wide(case.dy)
    np.testing.assert_allclose(found.dy_x, (g * wide(case.x)).sum(axes_of(g)).astype(float), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_left_out_of_the_affine_step_changes_no_bit(layout, dtype):
    x = LAYOUTS[layout](draw(SHAPES["images"], 0).to(dtype))
    assert torch.equal(cpu.apply(x, Affine()).y, x)
    assert torch.equal(cpu.apply_back(x, x, Affine(), None).dx, x)
    powers = torch.tensor([2.0] * 9, dtype=dtype)
    assert torch.equal(cpu.apply(x, Affine(scale=powers)).y, 2 * x)
    shift = draw((9,), 1).to(dtype)
    assert torch.equal(cpu.apply(x, Affine(shift=shift)).y, x + shift.reshape(1, -1, 1, 1))


@pytest.mark.parametrize("family", ["relu", "add", "pool"])
def test_a_batch_without_values_has_sums_of_0(family):
    x = torch.empty(0, 3, 4, 6)
    residual = x if family == "add" else None
    steps = Behind("relu", residual is not None, family == "pool")
    y, masks = cpu.apply(x, Affine(), steps, residual)
    assert y.shape == ((0, 3, 2, 3) if family == "pool" else x.shape)
    assert cpu.sums(y, x, Affine(), steps, masks).dy.tolist() == [0.0, 0.0, 0.0]
    assert cpu.apply_back(y, x, Affine(), None, steps, masks).dx.shape == x.shape


X = torch.ones(2, 3, 4, 4)
REFUSED = {
    "expected a tensor of shape .2, 3, 4, 4. beside x, got .1, 3, 4, 4.": lambda: cpu.sums(X[:1], X, Affine()),
    "scale: expected 3 values, one per channel": lambda: cpu.apply(X, Affine(scale=torch.ones(4))),
    "center: expected 3 values, one per channel": lambda: cpu.sums(X, X, Affine(torch.ones(1))),
    "of_x: expected 3 values": lambda: cpu.apply_back(X, X, Affine(), Back(torch.ones(2), torch.ones(3))),
    "expected a residual just where behind.add is True": lambda: cpu.apply(X, Affine(), Behind("relu", add=True)),
    "masks: expected the 48 bytes that apply gave, got 0": lambda: cpu.sums(
        X[..., :2, :2], X, Affine(), Behind("relu", pool=True)
    ),
    "masks: expected the 12 bytes that apply gave, got 0": lambda: cpu.apply_back(
        X, X, Affine(), None, Behind("relu", add=True)
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_would_be_read_behind_its_end_is_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()
