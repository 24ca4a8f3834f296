"""A norm in front of a convolution or a Linear: where does its shift become a part of the next bias?"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from ._case import EITHER, FOLDED, NOT_FOLDED, SCALE_SHIFTED, Theme, draw, net

theme = Theme()

EXACT = "At every place the kernel sees shifted values alone."
EDGES = "At the edges the kernel sees zeros, which are not shifted."

# Each reads the images directly: nothing in front could take the norm.
READERS = {
    "conv": (lambda: nn.Conv2d(4, 2, 3), FOLDED, EXACT),
    "conv_without_bias": (lambda: nn.Conv2d(4, 2, 3, bias=False), FOLDED, EXACT),
    "conv_1x1": (lambda: nn.Conv2d(4, 5, 1), FOLDED, EXACT),
    "conv_groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), FOLDED, EXACT),
    "conv_depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4), FOLDED, EXACT),
    "conv_depthwise_multiplier": (lambda: nn.Conv2d(4, 8, 3, groups=4, bias=False), FOLDED, EXACT),
    "conv_strided_dilated": (lambda: nn.Conv2d(4, 2, (3, 2), stride=2, dilation=(1, 3)), FOLDED, EXACT),
    "conv_valid": (lambda: nn.Conv2d(4, 2, 3, padding="valid"), FOLDED, EXACT),
    "conv_reflect": (lambda: nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), FOLDED, EXACT),
    "conv_replicate": (lambda: nn.Conv2d(4, 2, 3, padding=2, padding_mode="replicate"), FOLDED, EXACT),
    "conv_circular": (lambda: nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular"), FOLDED, EXACT),
    "conv_same_circular": (lambda: nn.Conv2d(4, 2, 3, padding="same", padding_mode="circular"), FOLDED, EXACT),
    "conv_same_1x1": (lambda: nn.Conv2d(4, 2, 1, padding="same"), FOLDED, EXACT),
    "conv_padded": (lambda: nn.Conv2d(4, 2, 3, padding=1), SCALE_SHIFTED, EDGES),
    "conv_padded_on_one_axis": (lambda: nn.Conv2d(4, 2, (1, 3), padding=(0, 1)), SCALE_SHIFTED, EDGES),
    "conv_1x1_padded": (lambda: nn.Conv2d(4, 2, 1, padding=1), SCALE_SHIFTED, EDGES),
    "conv_same": (lambda: nn.Conv2d(4, 2, 3, padding="same"), SCALE_SHIFTED, EDGES),
    "transposed": (lambda: nn.ConvTranspose2d(4, 2, 3), SCALE_SHIFTED, "At the edges fewer values meet."),
    "transposed_stride_of_kernel": (
        lambda: nn.ConvTranspose2d(4, 2, 2, stride=2),
        SCALE_SHIFTED,
        "Every place sees one value, but through another weight than its neighbour.",
    ),
    "transposed_1x1": (lambda: nn.ConvTranspose2d(4, 6, 1, groups=2), EITHER, EXACT),
    "transposed_1x1_strided": (
        lambda: nn.ConvTranspose2d(4, 2, 1, stride=2),
        SCALE_SHIFTED,
        "Between the values lie places that see none.",
    ),
    "transposed_1x1_padded": (lambda: nn.ConvTranspose2d(4, 2, 1, padding=1), EITHER, EXACT),
}


def _build(reader):
    return net(lambda m, x: m.conv(m.bn(x)), bn=nn.BatchNorm2d(4), conv=reader())


for _name, (_reader, _expected, _why) in READERS.items():
    theme.add(f"norm_then_{_name}", partial(_build, _reader), {"bn": _expected}, _why, example=draw(2, 4, 6, 6))


def without_shift(m):
    """Statistics and bias of a norm that only scales."""
    m.bn.running_mean.zero_()
    m.bn.bias.data.zero_()


for _name, _padding in (("conv_padded", 1), ("conv_same", "same")):
    theme.add(
        f"norm_without_shift_then_{_name}",
        partial(_build, partial(nn.Conv2d, 4, 4, 3, padding=_padding, groups=2)),
        {"bn": FOLDED},
        "Zeros stay zeros.",
        example=draw(2, 4, 6, 6),
        after=without_shift,
    )
for _name in ("transposed", "transposed_stride_of_kernel", "transposed_1x1_strided"):
    theme.add(
        f"norm_without_shift_then_{_name}",
        partial(_build, READERS[_name][0]),
        {"bn": EITHER},
        "Only the scale is to be folded, and it goes into the input's axis.",
        example=draw(2, 4, 6, 6),
        after=without_shift,
    )


def with_one_shift(m):
    without_shift(m)
    m.bn.bias.data[2] = 1


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(2, 4, 6, 6), after=with_one_shift)
def norm_with_one_shift_then_conv_padded():
    """One channel is shifted: that is enough."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3, padding=1))


@theme.wiring({"bn": FOLDED}, example=draw(2, 4, 8))
def norm_then_conv1d():
    """One axis."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=nn.BatchNorm1d(4), conv=nn.Conv1d(4, 2, 3))


@theme.wiring({"bn": FOLDED}, example=draw(2, 4, 5, 5, 5))
def norm_then_conv3d():
    """Three axes."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=nn.BatchNorm3d(4), conv=nn.Conv3d(4, 2, 3, groups=2))


@theme.wiring({"bn": FOLDED}, example=draw(5, 4))
def norm_then_linear():
    """A head with a norm in front: no padding is there."""
    return net(lambda m, x: m.fc(m.bn(x)), bn=nn.BatchNorm1d(4), fc=nn.Linear(4, 3))


@theme.wiring({"bn": FOLDED}, example=draw(5, 4))
def norm_then_dropout_then_linear_without_bias():
    """ArcFace and re-identification end so."""
    return net(
        lambda m, x: m.fc(m.drop(m.bn(x))), bn=nn.BatchNorm1d(4), drop=nn.Dropout(), fc=nn.Linear(4, 3, bias=False)
    )


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(5, 4, 4))
def norm_then_linear_over_the_positions():
    """The Linear mixes positions, of which there are as many as channels."""
    return net(lambda m, x: m.fc(m.bn(x)), bn=nn.BatchNorm1d(4), fc=nn.Linear(4, 3))


@theme.wiring({"bn": EITHER}, example=draw(5, 4, 4))
def norm_then_linear_of_sequences():
    """Transposed, the Linear mixes channels."""
    return net(lambda m, x: m.fc(m.bn(x).mT), bn=nn.BatchNorm1d(4), fc=nn.Linear(4, 3))


@theme.wiring({"bn": EITHER}, example=draw(2, 4, 3, 3))
def norm_then_linear_of_all_features():
    """Each channel is nine columns of the weight."""
    return net(lambda m, x: m.fc(m.bn(x).flatten(1)), bn=nn.BatchNorm2d(4), fc=nn.Linear(36, 3))


@theme.wiring({"bn": EITHER}, example=draw(2, 4, 3, 3))
def norm_then_linear_of_all_features_with_channels_last():
    """The nine columns of a channel do not lie side by side."""
    return net(lambda m, x: m.fc(m.bn(x).permute(0, 2, 3, 1).flatten(1)), bn=nn.BatchNorm2d(4), fc=nn.Linear(36, 3))


@theme.wiring({"bn": EITHER}, example=draw(2, 4, 6, 6))
def norm_then_global_pool_then_linear():
    """The end of many nets."""
    return net(
        lambda m, x: m.fc(m.pool(m.bn(x)).flatten(1)),
        bn=nn.BatchNorm2d(4),
        pool=nn.AdaptiveAvgPool2d(1),
        fc=nn.Linear(4, 3),
    )


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def norm_then_max_pool_then_conv():
    """A negative scale makes a minimum of it."""
    return net(lambda m, x: m.conv(F.max_pool2d(m.bn(x), 2)), bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def norm_then_zero_padding_then_conv():
    """The padding is no longer the convolution's, and it is still there."""
    return net(lambda m, x: m.conv(m.pad(m.bn(x))), bn=nn.BatchNorm2d(4), pad=nn.ZeroPad2d(1), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def norm_then_relu_then_conv():
    """Between the two is a kink."""
    return net(lambda m, x: m.conv(F.relu(m.bn(x))), bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn": EITHER}, example=draw(2, 4, 6, 6))
def norm_then_channel_shuffle_then_conv():
    """The columns of the weight are scaled in another order."""
    return net(
        lambda m, x: m.conv(m.shuffle(m.bn(x))),
        bn=nn.BatchNorm2d(4),
        shuffle=nn.ChannelShuffle(2),
        conv=nn.Conv2d(4, 2, 3, groups=2),
    )


@theme.wiring({"bn": EITHER}, example=draw(2, 4, 6, 6))
def norm_then_cat_then_conv():
    """A slice of the columns is scaled."""
    return net(
        lambda m, x: m.conv(torch.cat([x, m.bn(x)], 1)), bn=nn.BatchNorm2d(4), conv=nn.Conv2d(8, 2, 3, bias=False)
    )


@theme.wiring({"bn": EITHER}, example=draw(2, 4, 6, 6))
def norm_then_two_convs():
    """Both could take it."""

    def forward(m, x):
        h = m.bn(x)
        return m.a(h) + m.b(h)

    return net(forward, bn=nn.BatchNorm2d(4), a=nn.Conv2d(4, 2, 3), b=nn.Conv2d(4, 2, 3, bias=False))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def norm_then_two_convs_of_which_one_is_padded():
    """What one could take, the other cannot."""

    def forward(m, x):
        h = m.bn(x)
        return m.a(h) + m.b(h)

    return net(forward, bn=nn.BatchNorm2d(4), a=nn.Conv2d(4, 2, 1), b=nn.Conv2d(4, 2, 3, padding=1))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def norm_then_conv_and_a_skip():
    """The trunk goes on behind the convolution."""

    def forward(m, x):
        h = m.bn(x)
        return m.conv(h) + h

    return net(forward, bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 4, 1))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def norm_then_conv_that_is_called_without_it_as_well():
    """The convolution reads the raw images, too."""
    return net(lambda m, x: m.conv(m.bn(x)) + m.conv(x), bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn": FOLDED}, example=draw(2, 3, 6, 6))
def a_conv_that_is_read_by_a_skip_in_front():
    """Forwards the skip forbids it, backwards nothing does."""

    def forward(m, x):
        y = m.a(x)
        return m.b(m.bn(y)) + y.mean()

    return net(forward, a=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), b=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn1": FOLDED, "bn2": FOLDED}, example=draw(2, 4, 6, 6))
def norms_on_both_sides_of_a_conv():
    """Two norms in one weight: the second scales the bias that the first made."""
    return net(
        lambda m, x: m.bn2(m.conv(m.bn1(x))),
        bn1=nn.BatchNorm2d(4),
        conv=nn.Conv2d(4, 3, 3, groups=1),
        bn2=nn.BatchNorm2d(3),
    )


@theme.wiring({"bn1": SCALE_SHIFTED, "bn2": FOLDED}, example=draw(2, 4, 6, 6))
def norms_on_both_sides_of_a_padded_conv():
    """The one behind has a rule, the one in front has none."""
    return net(
        lambda m, x: m.bn2(m.conv(m.bn1(x))),
        bn1=nn.BatchNorm2d(4),
        conv=nn.Conv2d(4, 3, 3, padding=1),
        bn2=nn.BatchNorm2d(3),
    )


@theme.wiring({"bn1": SCALE_SHIFTED, "bn2": FOLDED, "bn3": SCALE_SHIFTED}, example=draw(2, 4, 6, 6))
def a_block_that_activates_first():
    """ResNet v2: norms of the trunk have no convolution of their own, those inside have."""

    def forward(m, x):
        x = x + m.b(F.relu(m.bn2(m.a(F.relu(m.bn1(x))))))
        return F.relu(m.bn3(x))

    return net(
        forward,
        bn1=nn.BatchNorm2d(4),
        a=nn.Conv2d(4, 4, 3, padding=1),
        bn2=nn.BatchNorm2d(4),
        b=nn.Conv2d(4, 4, 3, padding=1),
        bn3=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def the_input_overwritten_behind_the_norm():
    """Were the norm nothing but its input, the convolution would read zeros."""

    def forward(m, x):
        x = x.clone()
        h = m.bn(x)
        x.zero_()
        return m.conv(h)

    return net(forward, bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def the_norms_output_overwritten_behind_the_convolution():
    """Were the norm nothing but its input, the caller's images would be zeros, which are returned here."""

    def forward(m, x):
        h = m.bn(x)
        y = m.conv(h)
        h.zero_()
        return y, x * 1

    return net(forward, bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def the_norms_output_changed_in_place():
    """Between the norm and the convolution something is written that a scale does not pass."""

    def forward(m, x):
        h = m.bn(x)
        h[:, :, 0] = 0
        return m.conv(h)

    return net(forward, bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn": NOT_FOLDED}, example=draw(2, 4, 6, 6))
def the_norms_output_returned_besides():
    """Feature maps for somebody else."""

    def forward(m, x):
        h = m.bn(x)
        return {"logits": m.conv(h), "features": h}

    return net(forward, bn=nn.BatchNorm2d(4), conv=nn.Conv2d(4, 2, 3))
