"""Do scale and shift go into weight and bias so that the product gives what product and norm gave?"""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.surgery.folding._edit import Edit, Shape, edit_weight

pytestmark = pytest.mark.usefixtures("one_thread")

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
CLOSE = {"rtol": 0, "atol": 1e-11}


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def along(values, dims):
    return values.reshape(-1, *[1] * (dims - 2))


@settings(deadline=None)
@given(
    dims=st.sampled_from((1, 2, 3)),
    groups=st.sampled_from((1, 2, 3)),
    has_bias=st.booleans(),
    transposed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_norm_behind_a_convolution_goes_into_it(dims, groups, has_bias, transposed, seed):
    product = (TRANSPOSED if transposed else CONVOLUTIONS)[dims]
    shape = (groups * 2, 3, *[2] * dims) if transposed else (groups * 3, 2, *[2] * dims)
    x, weight = draw(2, groups * 2, *[4] * dims, seed=seed), draw(*shape, seed=seed + 1)
    bias = draw(groups * 3, seed=seed + 2) if has_bias else None
    scale, shift = draw(groups * 3, seed=seed + 3), draw(groups * 3, seed=seed + 4)
    edit = Edit("out", "weight", "bias", torch.arange(groups * 3), Shape(transposed=transposed, groups=groups))
    expected = product(x, weight, bias, groups=groups) * along(scale, dims + 2) + along(shift, dims + 2)
    torch.testing.assert_close(
        product(x, *edit_weight(weight, bias, edit, scale, shift), groups=groups), expected, **CLOSE
    )


@settings(deadline=None)
@given(dims=st.sampled_from((1, 2, 3)), groups=st.sampled_from((1, 2, 3)), seed=st.integers(0, 99))
def test_a_norm_before_a_convolution_goes_into_it(dims, groups, seed):
    x, weight = draw(2, groups * 2, *[4] * dims, seed=seed), draw(groups * 3, 2, *[2] * dims, seed=seed + 1)
    scale, shift = draw(groups * 2, seed=seed + 3), draw(groups * 2, seed=seed + 4)
    edit = Edit("in", "weight", "bias", torch.arange(groups * 2), Shape(groups=groups))
    normalized = x * along(scale, dims + 2) + along(shift, dims + 2)
    expected = CONVOLUTIONS[dims](normalized, weight, groups=groups)
    changed = edit_weight(weight, None, edit, scale, shift)
    torch.testing.assert_close(CONVOLUTIONS[dims](x, *changed, groups=groups), expected, **CLOSE)


@pytest.mark.parametrize("side", ["out", "in"])
def test_a_weight_whose_last_axis_is_the_outputs_is_edited_along_the_right_axis(side):
    x, weight, bias = draw(5, 3), draw(3, 4, seed=1), draw(4, seed=2)
    count = 4 if side == "out" else 3
    scale, shift = draw(count, seed=3), draw(count, seed=4)
    edit = Edit(side, "weight", "bias", torch.arange(count), Shape(out_first=False))
    changed, offset = edit_weight(weight, bias, edit, scale, shift)
    before = (x @ weight + bias) * scale + shift if side == "out" else (x * scale + shift) @ weight + bias
    torch.testing.assert_close(x @ changed + offset, before, **CLOSE)


def test_channels_that_the_norm_has_nothing_to_do_with_stay():
    weight, bias = draw(3, 2), draw(3, seed=1)
    edit = Edit("out", "weight", "bias", torch.tensor([1, -1, 0]), Shape())
    scale, shift = torch.tensor([2.0, 5.0]).double(), torch.tensor([1.0, -1.0]).double()
    changed, offset = edit_weight(weight, bias, edit, scale, shift)
    assert changed.equal(weight * torch.tensor([[5.0], [1.0], [2.0]]))
    assert offset.equal(bias * torch.tensor([5.0, 1.0, 2.0]) + torch.tensor([-1.0, 0.0, 1.0]))


def test_where_the_shift_stays_behind_the_bias_is_only_multiplied():
    weight, bias = draw(2, 2), draw(2, seed=1)
    edit = Edit("out", "weight", "bias", torch.arange(2), Shape(), factors_only=True)
    scale, shift = torch.tensor([2.0, 5.0]).double(), torch.tensor([1.0, -1.0]).double()
    assert edit_weight(weight, bias, edit, scale, shift)[1].equal(bias * scale)
