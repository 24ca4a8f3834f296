"""For arguments of any shape, layout and value: do the kernels agree with the steps written out, or refuse by name?"""

from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.kernels import cpu

from .cases import FAMILIES, Case, draw, out_shape, tensors

pytestmark = pytest.mark.usefixtures("one_thread")

AS_NUMBERS = settings(derandomize=True, deadline=None, max_examples=150)


@st.composite
def layouts(draw_from, shape):
    """How a tensor of this shape may lie in memory: axes in any order, a part of a larger one, every second value."""
    order = draw_from(st.one_of(st.permutations(range(len(shape))), st.just((0, *range(2, len(shape)), 1))))
    steps = draw_from(st.one_of(st.just((1,) * len(shape)), st.tuples(*(st.sampled_from([1, 1, 1, 2]) for _ in shape))))
    before = draw_from(
        st.one_of(st.just((0,) * len(shape)), st.tuples(*(st.sampled_from([0, 0, 0, 1]) for _ in shape)))
    )

    def place(t):
        sizes = [size * step + first for size, step, first in zip(shape, steps, before, strict=True)]
        whole = torch.zeros([sizes[axis] for axis in order], dtype=t.dtype)
        whole = whole.permute([order.index(axis) for axis in range(len(shape))])
        part = whole[tuple(slice(first, None, step) for step, first in zip(steps, before, strict=True))]
        return part.copy_(t)

    return place


@st.composite
def cases(draw_from):
    family = draw_from(st.sampled_from(FAMILIES))
    sizes, one = st.sampled_from([0, 1, 1, 2, 3, 5, 9]), st.sampled_from([1, 2, 3, 8, 9])
    if family == "pool":
        shape = (draw_from(sizes), draw_from(one), *draw_from(st.tuples(*[st.integers(2, 7)] * 2)))
    else:
        shape = (draw_from(sizes), draw_from(st.one_of(one, sizes)), *draw_from(st.lists(sizes, max_size=3)))
    seed, channels = draw_from(st.integers(0, 1000)), shape[1]
    ending = out_shape(family, shape)
    dy = draw(ending, seed + 1)
    if draw_from(st.integers(0, 3)) == 0:
        dy = torch.full((), 0.5, dtype=torch.float64).expand(ending)
    else:
        dy = draw_from(layouts(ending))(dy)
    training, maybe = draw_from(st.booleans()), st.booleans()
    tracked = not training or draw_from(maybe)
    return Case(
        family,
        draw_from(layouts(shape))(draw(shape, seed) * 3 + 1),
        dy,
        draw_from(layouts(shape))(draw(shape, seed + 2)) if family == "add" else None,
        draw(channels, seed + 3) if draw_from(maybe) else None,
        draw(channels, seed + 4) if draw_from(maybe) else None,
        draw(channels, seed + 5) if tracked else None,
        draw(channels, seed + 6).abs() + 0.1 if tracked else None,
        training,
        draw_from(st.sampled_from([1e-5, 1e-3, 0.5, 2.0])),
        draw_from(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
    )


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=1e-10, atol=1e-10, msg=lambda text, n=name: f"{n}: {text}")


def forward(found):
    """What does not come from torch's backward, which (2.13) mistakes the layout of some tensors with axes of 1."""
    return {name: found[name] for name in found.keys() & {"y", "running_mean", "running_var"}}


@given(case=cases())
@AS_NUMBERS
def test_fused_agrees_with_the_steps_written_out_or_refuses_the_layout(case):
    if case.training and prod((case.x.shape[0], *case.x.shape[2:])) == 1:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            tensors(case)
        return
    if case.x.shape[1] == 0 and (case.weight is not None or case.bias is not None):
        with pytest.raises(IndexError, match=r"must have a value where x, of shape .*, has none"):
            tensors(case)
        return
    expected = tensors(case, "composed")
    if cpu.layout_of(case.x) is None:
        with pytest.raises(RuntimeError, match="route='fused' needs x contiguous or channels_last, got strides"):
            tensors(case)
    else:
        assert_equal(tensors(case), expected)
    assert_equal(forward(tensors(case, "auto")), forward(expected))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "place",
    [
        torch.Tensor.contiguous,
        lambda t: t.movedim(1, -1).contiguous().movedim(-1, 1),
        lambda t: torch.cat([t, t], 1)[:, 1:6],
        lambda t: torch.cat([t, t])[1::3],
        lambda t: torch.cat([t, t, t], 1)[:, ::2][:, :5],
        lambda t: t[:1],
        lambda t: t.movedim(1, -1).contiguous().movedim(-1, 1)[1:],
    ],
    ids=["contiguous", "channels_last", "channels", "batch", "every second channel", "one", "rest of channels_last"],
)
def test_these_layouts_are_taken(family, place):
    x = place(draw((3, 5, 4, 6), 0))
    ending = out_shape(family, tuple(x.shape))
    parameters = [draw(5, seed) for seed in (3, 4, 5)]
    case = Case(
        family, x, draw(ending, 1), draw(x.shape, 2) if family == "add" else None, *parameters, draw(5, 6).exp()
    )
    assert_equal(tensors(case), tensors(case, "composed"))


@pytest.mark.parametrize(
    "place",
    [
        lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
        lambda t: t.repeat_interleave(2, -1)[..., ::2],
        lambda t: t.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
        lambda t: t[:1].expand(3, -1, -1, -1),
        lambda t: t.transpose(0, 1).contiguous().transpose(0, 1),
        lambda t: t[..., 1:],
    ],
    ids=["transposed", "every second value", "batch last", "expanded", "channels first", "cut"],
)
def test_these_layouts_are_refused_by_name_and_left_to_native_by_auto(place):
    x = place(draw((3, 5, 4, 6), 0))
    case = Case("relu", x, draw(x.shape, 1), *[None] * 5)
    with pytest.raises(RuntimeError, match=r"route='fused' needs x contiguous or channels_last, got strides \("):
        tensors(case)
    assert_equal(tensors(case, "auto"), tensors(case, "composed"))
