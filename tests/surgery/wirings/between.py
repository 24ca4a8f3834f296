"""What may stand between a convolution and its norm? Steps that a scale and a shift per channel pass unchanged."""

import copy
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from ._case import EITHER, FOLDED, NOT_FOLDED, SCALE_SHIFTED, SHIFT, Theme, draw, net

theme = Theme()
SCALE_PASSES = SHIFT | NOT_FOLDED

AVERAGES = "A mean of shifted values is the shifted mean."
COUNTED = "Zeros of the padding are counted, and would be shifted with the rest."

STEPS = {
    # averages
    "average_pool": (nn.AvgPool2d(2), FOLDED, AVERAGES),
    "average_pool_overlapping": (nn.AvgPool2d(3, 1), FOLDED, AVERAGES),
    "average_pool_ceil_mode": (nn.AvgPool2d(3, 2, ceil_mode=True), FOLDED, AVERAGES),
    "average_pool_ceil_mode_beyond_the_edge": (nn.AvgPool2d(2, 3, ceil_mode=True), FOLDED, AVERAGES),
    "average_pool_padding_not_counted": (nn.AvgPool2d(3, 1, padding=1, count_include_pad=False), FOLDED, AVERAGES),
    "average_pool_padding_not_counted_ceil_mode": (
        nn.AvgPool2d(3, 2, padding=1, count_include_pad=False, ceil_mode=True),
        FOLDED,
        AVERAGES,
    ),
    "average_pool_padding_counted": (nn.AvgPool2d(3, 1, padding=1), SCALE_PASSES, COUNTED),
    "average_pool_padding_counted_ceil_mode": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), SCALE_PASSES, COUNTED),
    "average_pool_divisor_override": (
        nn.AvgPool2d(2, divisor_override=3),
        SCALE_PASSES,
        "A sum divided by another number than that of its terms.",
    ),
    "average_pool_function": (lambda y: F.avg_pool2d(y, 2), FOLDED, AVERAGES),
    "average_pool_function_padding_counted": (lambda y: F.avg_pool2d(y, 2, padding=1), SCALE_PASSES, COUNTED),
    "adaptive_average_pool": (nn.AdaptiveAvgPool2d(1), FOLDED, AVERAGES),
    "adaptive_average_pool_uneven": (nn.AdaptiveAvgPool2d((3, None)), FOLDED, AVERAGES),
    "mean_over_the_pixels": (lambda y: y.mean((2, 3), keepdim=True), EITHER, AVERAGES),
    "mean_over_the_channels": (
        lambda y: y.mean(1, keepdim=True).expand_as(y),
        SCALE_SHIFTED,
        "What belongs to a channel is mixed with the others.",
    ),
    "sum_over_the_pixels": (lambda y: y.sum((2, 3), keepdim=True), SCALE_PASSES, "The shift is multiplied."),
    # other pools and activations
    "max_pool": (nn.MaxPool2d(2), SCALE_SHIFTED, "A negative scale makes a minimum of it."),
    "adaptive_max_pool": (nn.AdaptiveMaxPool2d(2), SCALE_SHIFTED, "A negative scale makes a minimum of it."),
    "power_average_pool": (nn.LPPool2d(2, 2), SCALE_SHIFTED, "A shift does not pass the square."),
    "relu": (nn.ReLU(), SCALE_SHIFTED, "The kink is not where the scaled value's would be."),
    "leaky_relu": (nn.LeakyReLU(), SCALE_SHIFTED, "Only a positive scale would pass, and no shift."),
    "prelu": (nn.PReLU(4), SCALE_SHIFTED, "A parameter per channel does not make it a scale."),
    "absolute_value": (torch.abs, SCALE_SHIFTED, "The sign of the scale is lost."),
    "local_response": (nn.LocalResponseNorm(2), SCALE_SHIFTED, "Channels are mixed."),
    "instance_norm": (nn.InstanceNorm2d(4), SCALE_SHIFTED, "What is scaled before it comes out as before."),
    # images made larger
    "nearest": (nn.Upsample(scale_factor=2), EITHER, "Each pixel is a copy."),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), EITHER, "The weights' sum is 1."),
    "bicubic": (partial(F.interpolate, size=7, mode="bicubic"), EITHER, "The weights' sum is 1."),
    "zero_padding": (nn.ZeroPad2d(1), SCALE_PASSES, "The zeros are normalized, too."),
    "zero_padding_function": (lambda y: F.pad(y, (1, 0)), SCALE_PASSES, "The zeros are normalized, too."),
    "constant_padding": (nn.ConstantPad2d(1, 2.0), SCALE_SHIFTED, "The constant is normalized, too."),
    "cropping_with_negative_padding": (lambda y: F.pad(y, (-1, -1)), EITHER, "No new pixels come."),
    "reflection_padding": (nn.ReflectionPad2d(1), EITHER, "The new pixels are copies."),
    "channel_padding": (lambda y: F.pad(y[:, :3], (0, 0, 0, 0, 1, 0)), NOT_FOLDED, "A channel of zeros comes first."),
    "max_unpool": (
        lambda y: F.max_unpool2d(*F.max_pool2d(y, 2, return_indices=True), 2),
        SCALE_SHIFTED,
        "Maxima between zeros.",
    ),
    "blur": (lambda y: F.conv2d(y, y.new_full((4, 1, 2, 2), 0.25), groups=4), EITHER, "A mean as a convolution."),
    # nothing, or nothing in evaluation
    "identity": (nn.Identity(), FOLDED, "Nothing happens."),
    "three_identities": (nn.Sequential(nn.Identity(), nn.Sequential(), nn.Identity()), FOLDED, "Nothing happens."),
    "dropout": (nn.Dropout(0.5), FOLDED, "In evaluation it gives back its input."),
    "dropout_of_channels_in_place": (nn.Dropout2d(0.5, inplace=True), FOLDED, "In evaluation nothing is written."),
    "dropout_function": (lambda y: F.dropout(y, 0.5, training=False), FOLDED, "In evaluation nothing happens."),
    "dropout_always_on": (lambda y: F.dropout(y, 0.5), SCALE_PASSES, "What is dropped is 0, and then shifted."),
    "contiguous": (lambda y: y.contiguous(), FOLDED, "The same tensor."),
    "clone": (lambda y: y.clone(), EITHER, "A copy of the values."),
    "channels_last": (lambda y: y.contiguous(memory_format=torch.channels_last), EITHER, "A copy of the values."),
    "to_its_own_dtype": (lambda y: y.to(y.dtype), FOLDED, "The same tensor."),
    "detach": (lambda y: y.detach(), FOLDED, "An alias."),
    "size_looked_at": (lambda y: y.view(y.size(0), *y.shape[1:]), FOLDED, "Sizes are not values."),
    "double_and_back": (lambda y: y.double().to(y.dtype), EITHER, "Every value passes unchanged."),
    "checkpointing": (lambda y: checkpoint(nn.Identity(), y, use_reentrant=False), EITHER, "It calls a function."),
    # arithmetic
    "times_a_number": (lambda y: y * 2, SHIFT | EITHER | NOT_FOLDED, "The scale passes, the shift is doubled."),
    "plus_a_number": (lambda y: y + 1, EITHER, "Another shift."),
    "minus_from_a_number": (lambda y: 1 - y, SHIFT | EITHER, "The sign of the shift changes."),
    "clamped_far_away": (lambda y: y.clamp(-50, 50), NOT_FOLDED, "It does nothing, as long as values are small."),
    "rounded": (lambda y: y.bfloat16().to(y.dtype), EITHER, "Rounding does not commute with a scale."),
    "nan_to_num": (torch.nan_to_num, NOT_FOLDED, "Zeros stand for what is no number."),
    "sorted": (lambda y: y.sort(-1).values, SCALE_SHIFTED, "A negative scale turns the order."),
    "shuffled_rows": (lambda y: y.flip(0).roll(1, 0), EITHER, "Samples change places."),
    "cumulative_sum": (lambda y: y.cumsum(-1), SCALE_PASSES, "Shifts add up."),
}


def _build(step):
    step = copy.deepcopy(step)
    if isinstance(step, nn.Module):
        return net(lambda m, x: m.bn(m.step(m.conv(x))), conv=nn.Conv2d(3, 4, 3), step=step, bn=nn.BatchNorm2d(4))
    return net(lambda m, x: m.bn(step(m.conv(x))), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


FIELDS = {
    "clamped_far_away": {"further": (draw(2, 3, 6, 6, seed=1) * 1000, draw(1, 3, 6, 6, seed=2))},
    "nan_to_num": {"further": (draw(2, 3, 6, 6, seed=1).masked_fill(draw(2, 3, 6, 6) > 2, float("nan")),)},
    "rounded": {"bound": 0.1, "twin": False},
}
"""What some of them need besides."""

for _name, (_step, _expected, _why) in STEPS.items():
    theme.add(f"between_{_name}", partial(_build, _step), {"bn": _expected}, _why, **FIELDS.get(_name, {}))


@theme.wiring({"bn": SHIFT | NOT_FOLDED}, after=lambda m: m.drop.train())
def between_dropout_in_training():
    """A model in evaluation with one module that is not: what is dropped is 0, and then shifted."""
    return net(
        lambda m, x: m.bn(m.drop(m.conv(x))), conv=nn.Conv2d(3, 4, 3), drop=nn.Dropout(0.5), bn=nn.BatchNorm2d(4)
    )


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 3, 6, 6), further=(draw(2, 3, 6, 6, seed=1), draw(1, 3, 6, 6)))
def between_a_grid_sample():
    """Outside of the image it gives zeros, which the norm shifts."""
    grid = torch.linspace(-1.5, 1.5, 9).expand(3, 9).reshape(1, 3, 3, 3)[..., :2].contiguous()
    return net(
        lambda m, x: m.bn(F.grid_sample(m.conv(x), m.grid.expand(len(x), -1, -1, -1), align_corners=False)),
        conv=nn.Conv2d(3, 4, 3),
        grid=grid,
        bn=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": FOLDED}, example=draw(2, 3, 12))
def between_average_pool_of_signals():
    """The pool of one axis has no divisor to be overridden."""
    return net(
        lambda m, x: m.bn(m.pool(m.conv(x))), conv=nn.Conv1d(3, 4, 3), pool=nn.AvgPool1d(2), bn=nn.BatchNorm1d(4)
    )


@theme.wiring({"bn": FOLDED}, example=draw(1, 3, 6, 6, 6))
def between_average_pool_of_volumes():
    """The pool of three axes."""
    return net(
        lambda m, x: m.bn(m.pool(m.conv(x))),
        conv=nn.Conv3d(3, 4, 3),
        pool=nn.AvgPool3d(3, 1, 1, count_include_pad=False),
        bn=nn.BatchNorm3d(4),
    )
