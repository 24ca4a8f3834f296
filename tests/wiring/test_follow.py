"""Where the channels of an output go until a norm or a product reads them, and why a trail is lost."""

import itertools
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .nets import conv, follow, name_of

NOT = -1.0


def marks(found, reader: str) -> torch.Tensor:
    """The marks with which the output arrives at a unit."""
    assert found.lost is None
    (arrival,) = (arrival for arrival in found.arrivals if name_of(arrival.unit) == reader)
    return arrival.marks


def channels(found, reader: str, axis: int = 1) -> list[float]:
    """The channel that each place along an axis is of, the same at all other places."""
    lines = marks(found, reader).movedim(axis, 0).flatten(1)
    assert torch.equal(lines.amin(1), lines.amax(1))
    return lines[:, 0].tolist()


def bn(channels: int = 4) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels)


def test_an_output_that_is_read_at_once_needs_no_marks():
    found = follow(lambda m, x: m.bn(m.conv(x)), bn=bn())
    assert [(name_of(one.unit), one.marks) for one in found.arrivals] == [("bn", None)]
    assert found.lost is None


def test_both_units_that_read_an_output_are_named():
    def body(m, x):
        y = m.conv(x)
        return m.bn(y), m.other(y)

    assert follow(body, bn=bn(), other=conv(2, 4)).lost == "is read by the norm bn and by other"


def test_a_product_that_shares_an_output_with_a_product_is_an_arrival_too():
    def body(m, x):
        y = m.conv(x)
        return m.one(y), m.other(y)

    assert [name_of(one.unit) for one in follow(body, one=conv(2, 4), other=conv(2, 4)).arrivals] == ["one", "other"]


@pytest.mark.parametrize(
    ("source", "expected"), [("conv", [0, 1, 2, 3, NOT, NOT]), ("second", [NOT, NOT, NOT, NOT, 0, 1])]
)
def test_concatenated_channels_are_each_source_s_own_slice(source, expected):
    def body(m, x):
        return m.bn(torch.cat([m.conv(x), m.second(x)], 1))

    assert channels(follow(body, source, bn=bn(6), second=conv(2)), "bn") == expected


def test_a_source_that_is_concatenated_twice_comes_twice():
    def body(m, x):
        y = m.conv(x)
        return m.bn(torch.cat([y, x, y.flip(1)], 1))

    assert channels(follow(body, bn=bn(11)), "bn") == [0, 1, 2, 3, NOT, NOT, NOT, 3, 2, 1, 0]


def test_chunks_are_parts_of_the_channels():
    def body(m, x):
        _, second = m.conv(x).chunk(2, 1)
        return m.second(second)

    assert channels(follow(body, second=bn(2)), "second") == [2, 3]


def test_channels_that_are_transposed_lie_along_the_last_axis():
    def body(m, x):
        return m.linear(m.conv(x).flatten(2).transpose(1, 2))

    assert channels(follow(body, linear=nn.Linear(4, 2)), "linear", axis=2) == [0, 1, 2, 3]


def test_channels_that_are_flattened_with_the_image_come_as_often_as_it_has_pixels():
    def body(m, x):
        return m.linear(m.conv(x).flatten(1))

    expected = [float(channel) for channel in range(4) for _ in range(16)]
    assert channels(follow(body, linear=nn.Linear(64, 2)), "linear") == expected


def shuffled_by_views(y):
    n, c, h, w = y.shape
    return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


@pytest.mark.parametrize("shuffle", [shuffled_by_views, lambda y: F.channel_shuffle(y, 2)])
def test_shuffled_channels_are_known(shuffle):
    found = follow(lambda m, x: m.bn(shuffle(m.conv(x))), conv=conv(6), bn=bn(6))
    assert channels(found, "bn") == [0, 3, 1, 4, 2, 5]


def test_pixels_that_come_from_channels_are_known_each():
    found = marks(follow(lambda m, x: m.bn(F.pixel_shuffle(m.conv(x), 2)), conv=conv(8), bn=bn(2)), "bn")
    assert found.shape == (2, 2, 8, 8)
    for channel, row, column in itertools.product(range(2), range(8), range(8)):
        assert (found[:, channel, row, column] == 4 * channel + 2 * (row % 2) + column % 2).all()


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_that_repeats_keeps_every_channel_whole(mode):
    found = follow(lambda m, x: m.bn(F.pad(m.conv(x), (1, 1, 1, 1), mode)), bn=bn())
    assert marks(found, "bn").shape == (2, 4, 6, 6)
    assert channels(found, "bn") == [0, 1, 2, 3]


MEANS = {
    "a pool": lambda y: F.avg_pool2d(y, 2),
    "a padded pool that divides by what it has": lambda y: F.avg_pool2d(y, 3, 1, 1, count_include_pad=False),
    "an adaptive pool": lambda y: F.adaptive_avg_pool2d(y, 2),
    "a global pool": lambda y: F.adaptive_avg_pool2d(y, 1),
    "a mean of the pixels": lambda y: y.mean((2, 3), keepdim=True),
    "bilinear enlargement": lambda y: F.interpolate(y, scale_factor=2, mode="bilinear"),
    "nearest enlargement": lambda y: F.interpolate(y, scale_factor=2),
}


@pytest.mark.parametrize("case", MEANS)
def test_averages_within_a_channel_keep_it(case):
    found = follow(lambda m, x: m.bn(MEANS[case](m.conv(x))), bn=bn())
    assert channels(found, "bn") == [0, 1, 2, 3]


def test_what_is_written_into_a_part_of_another_tensor_is_found_there():
    def body(m, x):
        y = m.conv(x)
        whole = y.new_zeros(2, 6, 4, 4)
        whole[:, 1:5] = y
        return m.bn(whole)

    assert channels(follow(body, bn=bn(6)), "bn") == [NOT, 0, 1, 2, 3, NOT]


def test_elements_that_are_written_over_are_nobody_s():
    def body(m, x):
        y = m.conv(x)
        y[:, 0] = x[:, 0]
        return m.bn(y)

    assert channels(follow(body, bn=bn()), "bn") == [NOT, 1, 2, 3]


def test_a_layout_is_no_movement_of_channels():
    found = follow(lambda m, x: m.bn(m.conv(x).contiguous(memory_format=torch.channels_last)), bn=bn())
    assert channels(found, "bn") == [0, 1, 2, 3]


def test_the_output_of_a_norm_is_followed_as_well():
    found = follow(lambda m, x: m.linear(m.bn(x).flatten(1)), "bn", bn=bn(3), linear=nn.Linear(48, 1))
    assert channels(found, "linear") == [float(channel) for channel in range(3) for _ in range(16)]


def kept(m, x):
    m.memory = m.conv(x)
    return m.bn(m.memory)


def numpy(m, x):
    y = m.conv(x)
    y.detach().numpy()
    return m.bn(y)


def written(m, x):
    y = m.conv(x)
    m.bn(y)
    return y.relu_()


LOST = {
    "an activation": (lambda m, x: m.bn(m.conv(x).relu()), r"^is read by relu in the model's forward$"),
    "an activation in place": (lambda m, x: m.bn(m.conv(x).relu_()), r"^is read by relu_ in the model's forward$"),
    "an activation behind": (written, r"^is read by relu_ "),
    "a module": (lambda m, x: m.bn(m.act(m.conv(x))), r"^is read by silu in act$"),
    "a sum": (lambda m, x: m.bn(m.conv(x) + 1), r"^is read by add "),
    "zeros around it": (lambda m, x: m.bn(F.pad(m.conv(x), (1, 1))), r"^is read by constant_pad_nd "),
    "the largest": (lambda m, x: m.bn(F.max_pool2d(m.conv(x), 2)), r"^is read by max_pool2d_with_indices "),
    "zeros in a pool": (
        lambda m, x: m.bn(F.avg_pool2d(m.conv(x), 2, padding=1)),
        r"^is averaged with zeros \(count_include_pad\) by avg_pool2d ",
    ),
    "a divisor": (
        lambda m, x: m.bn(F.avg_pool2d(m.conv(x), 2, divisor_override=3)),
        r"^is averaged with a divisor of its own by avg_pool2d ",
    ),
    "a mean of channels": (lambda m, x: m.linear(m.conv(x).mean(1).flatten(1)), r"^has its channels mixed by mean "),
    "a dtype": (lambda m, x: m.fine(m.conv(x).double()), r"^is converted to another dtype by _to_copy "),
    "the result": (lambda m, x: (m.bn(y := m.conv(x)), y), r"^is returned by the model$"),
    "a view of it in the result": (lambda m, x: (m.bn(y := m.conv(x)), y[:, 0]), r"^is returned by the model$"),
    "memory": (kept, r"^is kept by something after the forward$"),
    "numpy": (numpy, r"^leaves torch by numpy\(\)$"),
    "both sides of a norm": (lambda m, x: m.twice(y := m.conv(x), y), r"^is given to twice twice$"),
}


class Twice(nn.BatchNorm2d):
    """Takes a residual, too."""

    def forward(self, x, residual):
        return super().forward(x)


@pytest.mark.parametrize("case", LOST)
def test_a_trail_is_lost_with_a_reason(case):
    body, reason = LOST[case]
    found = follow(
        body,
        bn=bn(),
        act=nn.SiLU(),
        linear=nn.Linear(16, 1),
        fine=bn().double(),
        twice=Twice(4),
    )
    assert re.search(reason, found.lost or "nothing is lost"), found.lost


def test_a_hook_that_sees_it_is_named():
    first = conv()
    first.register_forward_hook(lambda module, args, output: None)
    assert follow(lambda m, x: m.bn(m.conv(x)), conv=first, bn=bn()).lost == "is seen by a hook of conv"


def test_a_product_that_takes_it_as_its_weight_is_no_reader_of_data():
    found = follow(lambda m, x: F.conv2d(x, m.conv(x)), conv=conv(3))
    assert found.lost == "is taken by the model as something other than its input"


def test_what_nobody_reads_arrives_nowhere():
    def body(m, x):
        m.conv(x)
        return x

    found = follow(body)
    assert (found.arrivals, found.lost) == ([], None)
