"""Dtypes, layouts and hard values: arithmetic in float64, one rounding, and nothing that overflows on the way."""

import torch
from torch import nn

from ._case import EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, SCALE_SHIFTED, Theme, draw, images, net

theme = Theme()
COARSE = 0.04
"""Some roundings of bfloat16."""


def one(conv=None, bn=None, forward=lambda m, x: m.bn(m.conv(x))):
    return net(forward, conv=conv or nn.Conv2d(3, 4, 3), bn=bn or nn.BatchNorm2d(4))


@theme.wiring({"bn": FOLDED}, example=images().double(), twin=False, bound=1e-9)
def float64():
    """The model's own dtype is that of the arithmetic."""
    return one().double()


@theme.wiring({"bn": FOLDED}, example=images().bfloat16(), bound=COARSE)
def bfloat16():
    """Eight bits are left of a product that was right in float64."""
    return one().bfloat16()


@theme.wiring({"bn": FOLDED}, example=images().half(), bound=4e-3)
def float16():
    """Eleven bits."""
    return one().half()


@theme.wiring({"bn": EITHER}, example=images().bfloat16(), bound=COARSE)
def a_norm_of_float32_behind_a_conv_of_bfloat16():
    """torch takes parameters that are finer than the input."""
    return one(nn.Conv2d(3, 4, 3).bfloat16())


@theme.wiring({"bn": RIGHT}, example=images(), bound=COARSE, twin=False)
def a_conv_of_bfloat16_between_casts():
    """The raw output is made float32 before it is normalized."""
    return one(nn.Conv2d(3, 4, 3).bfloat16(), forward=lambda m, x: m.bn(m.conv(x.bfloat16()).float()))


@theme.wiring({"bn": RIGHT}, bound=COARSE, twin=False)
def a_norm_of_float64_between_casts():
    """The norm alone is finer; what comes out is float32."""
    return one(bn=nn.BatchNorm2d(4).double(), forward=lambda m, x: m.bn(m.conv(x).double()).float())


@theme.wiring({"bn": RIGHT}, bound=COARSE)
def autocast_inside():
    """The convolution runs in bfloat16, its weight is float32."""

    def forward(m, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return m.bn(m.conv(x)).float()

    return one(forward=forward)


@theme.wiring({"bn": FOLDED}, example=images().to(memory_format=torch.channels_last))
def channels_last():
    """Weight and images in the other layout."""
    return one().to(memory_format=torch.channels_last)


@theme.wiring({"bn": FOLDED})
def a_weight_that_is_not_contiguous():
    """Its strides are kept."""
    model = one()
    model.conv.weight = nn.Parameter(draw(3, 3, 3, 4).permute(3, 2, 1, 0))
    return model


def _zero_variance(m):
    m.bn.running_var[1] = 0


def _dead(m):
    m.bn.weight.data[:2] = 0


def _far(m):
    m.bn.running_mean.mul_(1e4)


def _large(m):
    m.bn.weight.data.mul_(1e6)


def _tiny(m):
    m.bn.running_var.mul_(1e-30)
    m.bn.eps = 0.0


def _unknown(m):
    m.bn.running_mean[2] = float("nan")


def _infinite(m):
    m.bn.running_var[2] = float("inf")


def _negative(m):
    m.bn.weight.data.abs_().neg_()


HARD = {
    "a_variance_of_zero": (_zero_variance, "eps alone divides."),
    "a_scale_of_zero": (_dead, "Two channels are their bias."),
    "means_far_away": (_far, "Bias and mean cancel."),
    "large_scales": (_large, "A million times the weight."),
    "tiny_variances_without_eps": (_tiny, "The scale is 1e15, and eps is 0."),
    "an_infinite_variance": (_infinite, "The channel is its bias, and its scale 0."),
    "negative_scales": (_negative, "Every sign turns."),
}

for _name, (_change, _why) in HARD.items():
    theme.add(_name, one, {"bn": RIGHT if _change is _infinite else FOLDED}, _why, after=_change)


@theme.wiring({"bn": RIGHT}, after=_unknown)
def a_mean_that_is_not_a_number():
    """One channel is NaN before and after, the others are as they were."""
    return one()


@theme.wiring({"bn": EITHER | LEFT}, after=_unknown, example=images(channels=4))
def a_mean_that_is_not_a_number_backwards():
    """Every output is NaN already."""
    return one(nn.Conv2d(4, 2, 3), forward=lambda m, x: m.conv(m.bn(x)))


@theme.wiring({"bn": FOLDED}, after=_dead, example=images(channels=4))
def a_scale_of_zero_backwards():
    """Nobody may divide by the scale."""
    return one(nn.Conv2d(4, 2, 3), forward=lambda m, x: m.conv(m.bn(x)))


@theme.wiring({"bn": NOT_FOLDED}, after=_dead, example=images(channels=4))
def a_scale_of_zero_in_front_of_a_padded_conv():
    """A channel that is constant is none at the edges, where the padding is zero."""
    return one(nn.Conv2d(4, 2, 3, padding=1), forward=lambda m, x: m.conv(m.bn(x)))


@theme.wiring(
    {"bn": RIGHT}, example=images(), further=(images(1) * 0, images() + float("inf"), images() * float("nan"))
)
def images_that_are_not_finite():
    """What is not a number stays so, at the same places."""
    return one()


def _overflowing(m):
    m.bn.running_var.fill_(1e-7)
    m.bn.running_mean.zero_()
    m.bn.weight.data.fill_(30)
    m.bn.eps = 1e-8


@theme.wiring(
    {"bn": NOT_FOLDED}, example=images().half() * 1e-3, after=_overflowing, bound=1e-2, twin=False, blind=True
)
def a_weight_that_would_overflow():
    """float16 ends at 65504: the scaled weight is infinite, the normalized output is not."""
    model = one(nn.Conv2d(3, 4, 3, bias=False)).half()
    model.conv.weight.data.mul_(8)
    return model


@theme.wiring({"bn": SCALE_SHIFTED}, example=images().half(), bound=4e-3)
def a_norm_of_float16_of_an_activation():
    """One multiply-add whose constants were made in float64."""
    return net(lambda m, x: m.bn(torch.relu(x)), bn=nn.BatchNorm2d(3)).half()


@theme.wiring({"bn": SCALE_SHIFTED}, example=images().bfloat16(), bound=COARSE)
def a_norm_of_float32_of_an_activation_of_bfloat16():
    """What comes out has the input's dtype."""
    return net(lambda m, x: m.bn(torch.relu(x)), bn=nn.BatchNorm2d(3))


@theme.wiring(
    {"bn": NOT_FOLDED}, example=images().to(torch.complex64), further=(images(1).to(torch.complex64) * 1j,), twin=False
)
def a_complex_convolution():
    """Its output's magnitude is normalized."""
    return one(nn.Conv2d(3, 4, 3, dtype=torch.complex64), forward=lambda m, x: m.bn(m.conv(x).abs()))
