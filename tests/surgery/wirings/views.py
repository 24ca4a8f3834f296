"""Does a folder follow the channels through views, and notice where the norm's channels are no longer the weight's?"""

import copy
from functools import partial

import torch
from torch import nn

from ._case import EITHER, FOLDED, SCALE_SHIFTED, Theme, draw, net

theme = Theme()
KEPT = "The axis of the channels moves, and the norm follows it."
MIXED = "What the norm takes for a channel is none of the weight's."

# The convolution makes (N, 4, 4, 4): the sizes alone never tell the axes apart.
VIEWS = {
    "flattened_pixels": (lambda y: y.flatten(2), nn.BatchNorm1d(4), FOLDED, KEPT),
    "viewed_pixels": (lambda y: y.view(len(y), 4, -1), nn.BatchNorm1d(4), FOLDED, KEPT),
    "reshaped_pixels": (lambda y: y.reshape(len(y), 4, 2, 8), nn.BatchNorm2d(4), FOLDED, KEPT),
    "unflattened_pixels": (lambda y: y.unflatten(3, (2, 2)), nn.BatchNorm3d(4), FOLDED, KEPT),
    "an_axis_more": (lambda y: y.unsqueeze(2), nn.BatchNorm3d(4), FOLDED, KEPT),
    "an_axis_more_and_less": (lambda y: y[:, :, None].squeeze(2), nn.BatchNorm2d(4), FOLDED, KEPT),
    "rows_and_columns_exchanged": (lambda y: y.transpose(-1, -2), nn.BatchNorm2d(4), FOLDED, KEPT),
    "there_and_back": (lambda y: y.transpose(1, 3).transpose(1, 3), nn.BatchNorm2d(4), FOLDED, KEPT),
    "channels_last_rows": (lambda y: y.permute(0, 2, 3, 1).reshape(-1, 4), nn.BatchNorm1d(4), FOLDED, KEPT),
    "samples_and_rows_merged": (lambda y: y.transpose(1, 2).flatten(0, 1), nn.BatchNorm1d(4), FOLDED, KEPT),
    "seen_as_another": (lambda y: y.view_as(torch.empty_like(y)), nn.BatchNorm2d(4), EITHER, KEPT),
    "strided": (lambda y: y.as_strided(y.shape, y.stride()), nn.BatchNorm2d(4), EITHER, KEPT),
    "cropped": (lambda y: y[..., 1:-1, :3], nn.BatchNorm2d(4), EITHER, KEPT),
    "a_row": (lambda y: y.select(2, 1), nn.BatchNorm1d(4), EITHER, KEPT),
    "every_second_pixel": (lambda y: y[..., ::2], nn.BatchNorm2d(4), EITHER, KEPT),
    "mirrored": (lambda y: y.flip(3), nn.BatchNorm2d(4), EITHER, KEPT),
    "windows": (lambda y: y.unfold(3, 2, 1), nn.BatchNorm3d(4), EITHER, KEPT),
    "pixels_spread_over_samples": (
        lambda y: y.view(len(y), 4, 2, 8).transpose(1, 2).flatten(0, 1),
        nn.BatchNorm1d(4),
        FOLDED,
        KEPT,
    ),
    "channels_and_rows_exchanged": (lambda y: y.transpose(1, 2), nn.BatchNorm2d(4), SCALE_SHIFTED, MIXED),
    "channels_last": (lambda y: y.permute(0, 2, 3, 1), nn.BatchNorm2d(4), SCALE_SHIFTED, MIXED),
    "channels_and_columns_exchanged": (lambda y: y.swapaxes(-1, -3), nn.BatchNorm2d(4), SCALE_SHIFTED, MIXED),
    "merged_and_split_the_other_way": (
        lambda y: y.reshape(len(y), 2, 32).mT.reshape(len(y), 4, 4, 4),
        nn.BatchNorm2d(4),
        SCALE_SHIFTED,
        MIXED,
    ),
    "permuted_then_viewed_as_before": (
        lambda y: y.permute(0, 2, 3, 1).reshape(y.shape),
        nn.BatchNorm2d(4),
        SCALE_SHIFTED,
        MIXED,
    ),
    "rows_as_channels_of_signals": (lambda y: y.flatten(0, 1), nn.BatchNorm1d(4), SCALE_SHIFTED, MIXED),
    "all_features": (lambda y: y.flatten(1), nn.BatchNorm1d(64), SCALE_SHIFTED, "A scale per pixel fits no weight."),
    "channels_and_rows_merged": (lambda y: y.flatten(1, 2), nn.BatchNorm1d(16), SCALE_SHIFTED, MIXED),
    "pairs_of_channels": (
        lambda y: y.view(-1, 2, 4, 4),
        nn.BatchNorm2d(2),
        EITHER,
        "Two channels of the weight take the same scale, one after the other.",
    ),
    "halves_of_channels": (
        lambda y: y.view(len(y), 2, 8, 4),
        nn.BatchNorm2d(2),
        EITHER,
        "Neighbouring channels take the same scale.",
    ),
    "pixels_from_channels": (
        nn.PixelShuffle(2),
        nn.BatchNorm2d(1),
        EITHER,
        "Four channels of the weight take the same scale.",
    ),
    "channels_from_pixels": (
        nn.PixelUnshuffle(2),
        nn.BatchNorm2d(16),
        SCALE_SHIFTED,
        "Pixels of one channel take different scales.",
    ),
    "channels_shuffled": (
        nn.ChannelShuffle(2),
        nn.BatchNorm2d(4),
        EITHER,
        "The scales go to the weight in another order.",
    ),
    "channels_shuffled_by_hand": (
        lambda y: y.view(len(y), 2, 2, 4, 4).transpose(1, 2).reshape(y.shape),
        nn.BatchNorm2d(4),
        EITHER,
        "The scales go to the weight in another order.",
    ),
    "channels_reversed": (lambda y: y.flip(1), nn.BatchNorm2d(4), EITHER, "The scales in another order."),
    "channels_rolled": (lambda y: y.roll(1, 1), nn.BatchNorm2d(4), EITHER, "The scales in another order."),
    "channels_chosen": (lambda y: y[:, [2, 0, 3, 1]], nn.BatchNorm2d(4), EITHER, "The scales in another order."),
    "channels_chosen_twice": (
        lambda y: y.index_select(1, torch.tensor([0, 0, 1, 2])),
        nn.BatchNorm2d(4),
        SCALE_SHIFTED,
        "One channel of the weight meets two scales.",
    ),
    "channels_repeated": (lambda y: y.repeat(1, 2, 1, 1), nn.BatchNorm2d(8), SCALE_SHIFTED, "Two scales meet."),
    "one_channel_expanded": (
        lambda y: y[:, :1].expand(-1, 4, -1, -1),
        nn.BatchNorm2d(4),
        SCALE_SHIFTED,
        "One channel of the weight meets four scales.",
    ),
    "samples_as_channels": (
        lambda y: y[:2].reshape(1, 8, 4, 4),
        nn.BatchNorm2d(8),
        SCALE_SHIFTED,
        "One channel of the weight meets as many scales as there are samples.",
    ),
    "first_axis_viewed_as_rows": (lambda y: y.reshape(-1, 4), nn.BatchNorm1d(4), SCALE_SHIFTED, MIXED),
    "diagonal": (lambda y: y.diagonal(0, 1, 2), nn.BatchNorm1d(4), SCALE_SHIFTED, "Columns became channels."),
    "made_by_einsum": (lambda y: torch.einsum("nchw->nhcw", y), nn.BatchNorm2d(4), SCALE_SHIFTED, MIXED),
}


def _build(view, norm):
    view, norm = copy.deepcopy((view, norm))
    if isinstance(view, nn.Module):
        return net(lambda m, x: m.bn(m.view(m.conv(x))), conv=nn.Conv2d(3, 4, 3), view=view, bn=norm)
    return net(lambda m, x: m.bn(view(m.conv(x))), conv=nn.Conv2d(3, 4, 3), bn=norm)


def _inputs(name):
    """Two samples at least where that many are channels."""
    return {"further": (draw(2, 3, 6, 6, seed=1),)} if name == "samples_as_channels" else {}


for _name, (_view, _norm, _expected, _why) in VIEWS.items():
    theme.add(f"view_{_name}", partial(_build, _view, _norm), {"bn": _expected}, _why, **_inputs(_name))


@theme.wiring({"bn": FOLDED})
def view_of_one_pixel_as_features():
    """After a global pool (N, C, 1, 1) and (N, C) hold the same."""
    return net(
        lambda m, x: m.bn(m.pool(m.conv(x)).flatten(1)),
        conv=nn.Conv2d(3, 4, 3),
        pool=nn.AdaptiveAvgPool2d(1),
        bn=nn.BatchNorm1d(4),
    )


@theme.wiring({"bn": FOLDED}, example=draw(2, 3, 3, 3))
def view_of_one_pixel_squeezed():
    """The kernel covers the image; axes of size 1 go, but those of the samples."""
    return net(lambda m, x: m.bn(m.conv(x).squeeze((2, 3))), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm1d(4))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(4, 3, 6, 6), further=(draw(4, 3, 6, 6, seed=1),))
def view_with_samples_and_channels_exchanged():
    """As many samples as channels."""
    return net(lambda m, x: m.bn(m.conv(x).transpose(0, 1)), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": FOLDED}, example=draw(2, 3, 6))
def view_of_signals_as_images():
    """An axis of size 1 comes, the channels stay where they are."""
    return net(lambda m, x: m.bn(m.conv(x)[..., None]), conv=nn.Conv1d(3, 4, 3), bn=nn.BatchNorm2d(4))
