"""Where several tensors become one, or one several: does each source get what is its own, and no source two?"""

import torch
import torch.nn.functional as F
from torch import nn

from ._case import EITHER, FOLDED, NOT_FOLDED, SCALE_SHIFTED, Theme, draw, net

theme = Theme()


def conv(cin=3, cout=4, k=3, **options):
    return nn.Conv2d(cin, cout, k, **options)


@theme.wiring({"bn": FOLDED})
def cat_of_two_convolutions():
    """Each takes its slice of the scale and of the shift."""
    return net(
        lambda m, x: m.bn(torch.cat([m.a(x), m.b(x)], 1)), a=conv(), b=conv(cout=2, bias=False), bn=nn.BatchNorm2d(6)
    )


@theme.wiring({"bn": FOLDED})
def cat_with_a_negative_axis_of_three_kinds():
    """Sources of different kinds and widths."""
    return net(
        lambda m, x: m.bn(torch.cat((m.a(x), m.b(x), m.c(x)), dim=-3)),
        a=conv(padding=1),
        b=nn.ConvTranspose2d(3, 2, 3, padding=1),
        c=conv(cout=3, padding=1, groups=3),
        bn=nn.BatchNorm2d(9),
    )


@theme.wiring({"bn": FOLDED})
def cat_of_cats():
    """The slices of slices."""
    return net(
        lambda m, x: m.bn(torch.cat([m.a(x), torch.cat([m.b(x), m.c(x)], 1)], 1)),
        a=conv(),
        b=conv(),
        c=conv(),
        bn=nn.BatchNorm2d(12),
    )


@theme.wiring({"bn": FOLDED}, example=draw(4, 3))
def cat_of_two_linears():
    """The axis is the last, and the channels'."""
    return net(
        lambda m, x: m.bn(torch.cat([m.a(x), m.b(x)], -1)), a=nn.Linear(3, 4), b=nn.Linear(3, 2), bn=nn.BatchNorm1d(6)
    )


@theme.wiring({"bn": SCALE_SHIFTED})
def cat_with_the_input():
    """Nothing makes the input's channels; a half of a norm is no norm."""
    return net(lambda m, x: m.bn(torch.cat([m.a(x), x], 1)), a=conv(padding=1), bn=nn.BatchNorm2d(7))


@theme.wiring({"bn": SCALE_SHIFTED})
def cat_with_itself():
    """One convolution meets two slices of the scale."""

    def forward(m, x):
        y = m.a(x)
        return m.bn(torch.cat([y, y], 1))

    return net(forward, a=conv(), bn=nn.BatchNorm2d(8))


@theme.wiring({"bn": SCALE_SHIFTED})
def cat_of_one_convolution_called_twice():
    """One weight meets two slices of the scale."""
    return net(lambda m, x: m.bn(torch.cat([m.a(x), m.a(x + 1)], 1)), a=conv(), bn=nn.BatchNorm2d(8))


@theme.wiring({"bn": SCALE_SHIFTED})
def cat_whose_part_is_read_elsewhere():
    """DenseNet: one of the sources goes on by itself."""

    def forward(m, x):
        y = m.a(x)
        return m.bn(torch.cat([y, m.b(x)], 1)).sum(1) + y.sum(1)

    return net(forward, a=conv(), b=conv(), bn=nn.BatchNorm2d(8))


@theme.wiring({"bn": SCALE_SHIFTED})
def cat_that_is_read_elsewhere():
    """What is read besides the norm is the whole."""

    def forward(m, x):
        y = torch.cat([m.a(x), m.b(x)], 1)
        return m.bn(y) + y

    return net(forward, a=conv(), b=conv(), bn=nn.BatchNorm2d(8))


@theme.wiring({"a.1": FOLDED, "bn": EITHER})
def cat_of_normalized_parts():
    """A norm whose sources end in norms: each could take its slice on top of its own."""
    return net(
        lambda m, x: m.bn(torch.cat([m.a(x), m.b(x)], 1)),
        a=nn.Sequential(conv(), nn.BatchNorm2d(4)),
        b=conv(cout=2),
        bn=nn.BatchNorm2d(6),
    )


@theme.wiring({"bn": SCALE_SHIFTED})
def cat_with_an_activated_part():
    """One source ends in a ReLU."""
    return net(lambda m, x: m.bn(torch.cat([m.a(x), F.relu(m.b(x))], 1)), a=conv(), b=conv(), bn=nn.BatchNorm2d(8))


@theme.wiring({"bn": EITHER})
def cat_of_samples():
    """Along the samples every source takes the whole scale."""
    return net(lambda m, x: m.bn(torch.cat([m.a(x), m.b(x)], 0)), a=conv(), b=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": EITHER})
def cat_of_rows():
    """Along the rows every source takes the whole scale, and as many rows come as there are channels."""
    return net(lambda m, x: m.bn(torch.cat([m.a(x), m.b(x)], 2)), a=conv(), b=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": EITHER})
def cat_with_an_old_empty_tensor():
    """torch lets `cat` skip an empty tensor of one axis."""
    return net(lambda m, x: m.bn(torch.cat([x.new_empty(0), m.a(x)], 1)), a=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": EITHER})
def stack_as_channels():
    """Which convolution it was is the norm's channel: each takes one number."""
    return net(
        lambda m, x: m.bn(torch.stack([m.a(x), m.b(x)], 1)), a=conv(cout=2), b=conv(cout=2), bn=nn.BatchNorm3d(2)
    )


@theme.wiring({"bn": EITHER})
def stack_behind_the_channels():
    """The channels stay, and which convolution it was is a place."""
    return net(
        lambda m, x: m.bn(torch.stack([m.a(x), m.b(x)], 2)), a=conv(cout=2), b=conv(cout=2), bn=nn.BatchNorm3d(2)
    )


@theme.wiring({"bn": EITHER})
def sum_of_two_convolutions():
    """The scale goes into both, the shift into one."""
    return net(lambda m, x: m.bn(m.a(x) + m.b(x)), a=conv(), b=conv(bias=False), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": EITHER}, example=draw(4, 3))
def sum_of_two_linear_steps_of_low_rank():
    """An adapter beside a layer: three weights, of which two follow each other."""
    return net(
        lambda m, x: m.bn(m.a(x) + 0.5 * m.up(m.down(x))),
        a=nn.Linear(3, 4),
        down=nn.Linear(3, 1, bias=False),
        up=nn.Linear(1, 4, bias=False),
        bn=nn.BatchNorm1d(4),
    )


@theme.wiring({"bn": SCALE_SHIFTED})
def sum_with_the_input():
    """A residual that is normalized together with what is added to it."""
    return net(lambda m, x: m.bn(m.a(x) + x), a=conv(cout=3, padding=1), bn=nn.BatchNorm2d(3))


@theme.wiring({"bn": SCALE_SHIFTED})
def product_of_two_convolutions():
    """Were both scaled, the product would be twice."""
    return net(lambda m, x: m.bn(m.a(x) * m.b(x)), a=conv(), b=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": SCALE_SHIFTED})
def product_with_its_own_gate():
    """Squeeze and excitation: the convolution's output is read by what scales it."""

    def forward(m, x):
        y = m.a(x)
        return m.bn(y * torch.sigmoid(m.gate(y.mean((2, 3), keepdim=True))))

    return net(forward, a=conv(), gate=conv(4, 4, 1), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn3": FOLDED, "bn1": FOLDED, "bn0": SCALE_SHIFTED})
def sum_of_three_branches():
    """RepVGG: two of the branches have a convolution, the third is a norm of the input alone."""
    return net(
        lambda m, x: F.relu(m.bn3(m.a(x)) + m.bn1(m.b(x)) + m.bn0(x)),
        a=conv(cout=3, padding=1, bias=False),
        b=conv(cout=3, k=1, bias=False),
        bn3=nn.BatchNorm2d(3),
        bn1=nn.BatchNorm2d(3),
        bn0=nn.BatchNorm2d(3),
    )


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def channels_to_two_norms_by_chunk():
    """Each norm owns a half of the weight's rows."""

    def forward(m, x):
        a, b = m.a(x).chunk(2, 1)
        return m.bn1(a) + m.bn2(b)

    return net(forward, a=conv(), bn1=nn.BatchNorm2d(2), bn2=nn.BatchNorm2d(2))


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def channels_to_two_norms_by_split():
    """Slices of unequal width."""

    def forward(m, x):
        a, b = m.a(x).split([1, 3], dim=1)
        return torch.cat([m.bn2(b), m.bn1(a)], 1)

    return net(forward, a=conv(), bn1=nn.BatchNorm2d(1), bn2=nn.BatchNorm2d(3))


@theme.wiring({"bn1": NOT_FOLDED, "bn2": NOT_FOLDED})
def channels_to_two_norms_by_slices_that_overlap():
    """The channel in the middle is read by both."""

    def forward(m, x):
        y = m.a(x)
        return m.bn1(y[:, :3]) + m.bn2(y[:, 1:])

    return net(forward, a=conv(), bn1=nn.BatchNorm2d(3), bn2=nn.BatchNorm2d(3))


@theme.wiring({"bn": EITHER})
def half_of_the_channels_normalized():
    """Partial normalization: the others go on as they are."""

    def forward(m, x):
        y = m.a(x)
        return torch.cat([m.bn(y[:, :2]), y[:, 2:]], 1)

    return net(forward, a=conv(), bn=nn.BatchNorm2d(2))


@theme.wiring({"bn": EITHER})
def every_second_channel_normalized():
    """A slice with steps."""

    def forward(m, x):
        y = m.a(x)
        return m.bn(y[:, ::2]) + y[:, 1::2]

    return net(forward, a=conv(), bn=nn.BatchNorm2d(2))


@theme.wiring({"bn1": NOT_FOLDED, "bn2": NOT_FOLDED})
def columns_to_two_norms():
    """Left and right half share every row of the weight."""

    def forward(m, x):
        y = m.a(x)
        return m.bn1(y[..., :2]) + m.bn2(y[..., 2:])

    return net(forward, a=conv(), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4))


@theme.wiring(
    {"bn1": NOT_FOLDED, "bn2": NOT_FOLDED},
    example=draw(4, 3, 6, 6),
    further=(draw(2, 3, 6, 6, seed=1), draw(3, 3, 6, 6)),
)
def samples_to_two_norms():
    """Clean and adversarial half of a batch, each with its norm: they share the weight."""

    def forward(m, x):
        y = m.a(x)
        return torch.cat([m.bn1(y[: len(y) // 2]), m.bn2(y[len(y) // 2 :])])

    return net(forward, a=conv(), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def the_first_sample_alone_normalized():
    """All other samples go on as they are."""

    def forward(m, x):
        first, *rest = m.a(x).unbind(0)
        return torch.stack([m.bn(first[None])[0], *rest])

    return net(forward, a=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": SCALE_SHIFTED})
def maximum_over_pairs_of_channels():
    """Maxout: a negative scale makes a minimum of it."""
    return net(lambda m, x: m.bn(m.a(x).view(len(x), 2, 2, 4, 4).amax(1)), a=conv(), bn=nn.BatchNorm2d(2))
