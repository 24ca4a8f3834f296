"""Is each kind of convolution folded, with all of its options?"""

from functools import partial

from torch import nn

from ._case import EITHER, FOLDED, SCALE_SHIFTED, Theme, draw, images, net

theme = Theme()

NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}

KINDS = {
    "conv1d": (1, nn.Conv1d, (3, 4, 3), {}),
    "conv2d": (2, nn.Conv2d, (3, 4, 3), {}),
    "conv3d": (3, nn.Conv3d, (3, 4, 3), {}),
    "conv2d_without_bias": (2, nn.Conv2d, (3, 4, 3), {"bias": False}),
    "conv2d_1x1": (2, nn.Conv2d, (3, 4, 1), {}),
    "conv2d_strided_dilated_asymmetric": (2, nn.Conv2d, (3, 4, (3, 1)), {"stride": (1, 2), "dilation": (2, 1)}),
    "conv2d_depthwise": (2, nn.Conv2d, (3, 3, 3), {"groups": 3}),
    "conv2d_depthwise_multiplier": (2, nn.Conv2d, (3, 6, 3), {"groups": 3}),
    "conv2d_groups": (2, nn.Conv2d, (4, 6, 3), {"groups": 2}),
    "conv2d_padding": (2, nn.Conv2d, (3, 4, 3), {"padding": (2, 1)}),
    "conv2d_same": (2, nn.Conv2d, (3, 4, (3, 5)), {"padding": "same"}),
    "conv2d_valid": (2, nn.Conv2d, (3, 4, 3), {"padding": "valid"}),
    "conv2d_reflect": (2, nn.Conv2d, (3, 4, 3), {"padding": 1, "padding_mode": "reflect"}),
    "conv2d_replicate": (2, nn.Conv2d, (3, 4, 3), {"padding": 2, "padding_mode": "replicate"}),
    "conv2d_circular": (2, nn.Conv2d, (3, 4, 3), {"padding": 1, "padding_mode": "circular", "bias": False}),
    "conv1d_same_circular": (1, nn.Conv1d, (3, 4, 3), {"padding": "same", "padding_mode": "circular"}),
    "conv3d_replicate_groups": (3, nn.Conv3d, (4, 4, 3), {"padding": 1, "padding_mode": "replicate", "groups": 2}),
    "transposed1d": (1, nn.ConvTranspose1d, (3, 4, 3), {}),
    "transposed2d": (2, nn.ConvTranspose2d, (3, 4, 3), {"padding": 1}),
    "transposed3d": (3, nn.ConvTranspose3d, (3, 4, 2), {"stride": 2}),
    "transposed2d_without_bias": (2, nn.ConvTranspose2d, (3, 4, 3), {"bias": False}),
    "transposed1d_groups": (1, nn.ConvTranspose1d, (4, 6, 3), {"groups": 2, "stride": 2}),
    "transposed2d_groups_output_padding": (
        2,
        nn.ConvTranspose2d,
        (6, 4, 3),
        {"groups": 2, "stride": 3, "padding": 1, "output_padding": (2, 1), "dilation": 2},
    ),
    "transposed2d_groups_square": (2, nn.ConvTranspose2d, (4, 4, 3), {"groups": 2, "bias": False}),
    "transposed2d_depthwise": (2, nn.ConvTranspose2d, (4, 4, 3), {"groups": 4}),
    "transposed3d_groups": (3, nn.ConvTranspose3d, (4, 8, 2), {"groups": 4, "output_padding": 1, "stride": 2}),
}


def _build(axes, kind, sizes, options):
    return net(lambda m, x: m.bn(m.conv(x)), conv=kind(*sizes, **options), bn=NORMS[axes](sizes[1]))


for _name, (_axes, _kind, _sizes, _options) in KINDS.items():
    theme.add(
        f"{_name}_then_norm",
        partial(_build, _axes, _kind, _sizes, _options),
        {"bn": FOLDED},
        "The scale goes into the axis of the weight that makes the output channels, group by group.",
        example=draw(2, _sizes[0], *(6,) * _axes),
    )


@theme.wiring({"bn": FOLDED})
def transposed_with_an_output_size():
    """The size that the caller asks for is an argument of the call, and not of the module."""
    return net(
        lambda m, x: m.bn(m.conv(x, output_size=[2 * x.shape[2], 2 * x.shape[3]])),
        conv=nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1),
        bn=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": FOLDED}, example={"image": images()}, further=({"image": images(3, seed=1)},))
def called_with_keywords():
    """What stands in a norm's place must take the keyword `input`, too."""
    return net(
        lambda m, image: m.bn(input=m.conv(input=image)),
        conv=nn.Conv2d(3, 4, 3),
        bn=nn.BatchNorm2d(4),
    )


@theme.wiring({"0.1": FOLDED, "1.1": FOLDED, "2.1": FOLDED})
def a_chain_of_blocks():
    """Each norm has a convolution of its own; folding one must not move another."""
    return nn.Sequential(
        *(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(inplace=True)) for _ in range(3))
    )


@theme.wiring({"bn": FOLDED}, further=(images(0), images(1, size=9), images(2, size=3), 100 * images(seed=1)))
def other_sizes_and_an_empty_batch():
    """Nothing that is folded depends on the size of the images."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": EITHER}, example=draw(3, 6, 6), further=(draw(3, 6, 6, seed=1),))
def an_unbatched_image():
    """The convolution takes one image alone; the norm needs its batch axis."""
    return net(lambda m, x: m.bn(m.conv(x)[None])[0], conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(3, 8), further=(draw(3, 8, seed=1),))
def an_unbatched_signal_whose_channels_the_norm_takes_for_samples():
    """(C, L) is (N, C) for the norm: as many numbers on both axes, and the scale belongs to the positions."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=nn.Conv1d(3, 6, 3), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(3, 6, 6), further=(draw(3, 6, 6, seed=1),))
def an_unbatched_image_whose_rows_the_norm_takes_for_channels():
    """(C, H, W) is (N, C, L) for the norm, and here C == H."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm1d(4))


del _name, _axes, _kind, _sizes, _options
