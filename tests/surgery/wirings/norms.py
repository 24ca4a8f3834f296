"""Norms of every kind and in every state: which are a scale and a shift, and what do they do besides?"""

import torch
import torch.nn.functional as F
from torch import nn

import batchnorm.nn as ours

from ._case import ABSENT, EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, SCALE_SHIFTED, Theme, draw, images, net, others

theme = Theme()


def behind(norm, conv=None):
    """The norm behind a convolution."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=conv or nn.Conv2d(3, 4, 3), bn=norm)


def alone(norm):
    """The norm behind nothing that could take it."""
    return net(lambda m, x: m.bn(torch.relu(x)), bn=norm)


KINDS = {
    "synchronized": (lambda: nn.SyncBatchNorm(4), FOLDED, "In evaluation nothing is synchronized."),
    "without_parameters": (lambda: nn.BatchNorm2d(4, affine=False), FOLDED, "The statistics alone."),
    "without_bias": (lambda: nn.BatchNorm2d(4, bias=False), FOLDED, "A weight alone."),
    "with_a_large_eps": (lambda: nn.BatchNorm2d(4, eps=0.5), FOLDED, "It counts as much as the variance."),
    "without_momentum": (lambda: nn.BatchNorm2d(4, momentum=None), FOLDED, "It concerns training alone."),
    "that_keeps_no_statistics": (
        lambda: nn.BatchNorm2d(4, track_running_stats=False),
        LEFT,
        "In evaluation, too, it normalizes by the batch.",
    ),
    "ours": (lambda: ours.BatchNorm2d(4), FOLDED, "The same numbers by another route."),
    "ours_with_relu": (lambda: ours.BatchNorm2d(4, activation="relu"), FOLDED, "The activation stays."),
    "ours_with_silu": (lambda: ours.BatchNorm2d(4, activation=F.silu), FOLDED, "The activation stays."),
    "ours_with_a_module": (lambda: ours.BatchNorm2d(4, activation=nn.PReLU(4)), FOLDED, "The activation stays."),
    "ours_with_a_pool": (lambda: ours.BatchNormPool2d(4), EITHER, "Activation and pool stay."),
    "group_norm": (lambda: nn.GroupNorm(2, 4), ABSENT | LEFT, "Its statistics are the sample's."),
    "instance_norm": (
        lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        RIGHT | ABSENT,
        "It keeps running statistics, and is no batch norm.",
    ),
}

for _name, (_norm, _expected, _why) in KINDS.items():
    theme.add(f"norm_{_name}", lambda norm=_norm: behind(norm()), {"bn": _expected}, _why)


def _bias_alone():
    norm = nn.BatchNorm2d(4)
    norm.weight = None
    return norm


def _kept_after_all():
    """Statistics are there, and are said not to be kept."""
    norm = nn.BatchNorm2d(4)
    norm.track_running_stats = False
    return norm


def _lost():
    norm = nn.BatchNorm2d(4)
    norm.running_mean = norm.running_var = None
    return norm


def _lazy():
    norm = nn.LazyBatchNorm2d()
    norm(draw(2, 4, 3, 3))
    return norm


STATES = {
    "bias_alone": (_bias_alone, FOLDED, "A norm whose weight was taken away."),
    "that_stopped_keeping_statistics": (_kept_after_all, RIGHT, "In evaluation it uses those that are there."),
    "that_lost_its_statistics": (_lost, LEFT, "In evaluation it normalizes by the batch."),
    "lazy_after_a_batch": (_lazy, FOLDED, "It has become torch's."),
}

for _name, (_norm, _expected, _why) in STATES.items():
    theme.add(f"norm_{_name}", lambda norm=_norm: behind(norm()), {"bn": _expected}, _why)


@theme.wiring({"bn": LEFT}, after=lambda m: m.bn.train())
def norm_in_training():
    """It normalizes by the batch, whatever the model's mode."""
    return behind(nn.BatchNorm2d(4))


@theme.wiring({"bn1": LEFT, "bn2": FOLDED}, after=lambda m: m.bn1.train())
def norm_in_training_beside_one_in_evaluation():
    """One is left, the other goes on."""
    return net(
        lambda m, x: m.bn2(m.b(m.bn1(m.a(x)))),
        a=nn.Conv2d(3, 4, 3),
        bn1=nn.BatchNorm2d(4),
        b=nn.Conv2d(4, 4, 3),
        bn2=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": FOLDED}, after=lambda m: m.conv.train())
def conv_in_training():
    """A convolution does the same in both modes."""
    return behind(nn.BatchNorm2d(4))


@theme.wiring({"bn": SCALE_SHIFTED})
def norm_of_the_input():
    """Nothing is before it, a ReLU behind it."""
    return net(lambda m, x: torch.relu(m.bn(x)), bn=nn.BatchNorm2d(3))


@theme.wiring({"bn": SCALE_SHIFTED})
def norm_of_an_activation():
    """Nothing that is linear is before it."""
    return alone(nn.BatchNorm2d(3))


@theme.wiring({"bn": SCALE_SHIFTED})
def ours_of_an_activation():
    """The rest is one multiply-add with the activation."""
    return alone(ours.BatchNorm2d(3, activation="relu6"))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(4, 3, 5))
def norm_of_signals():
    """Of three axes."""
    return alone(nn.BatchNorm1d(3))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(4, 3))
def norm_of_rows():
    """Of two axes."""
    return alone(nn.BatchNorm1d(3))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(2, 3, 4, 4, 4))
def norm_of_volumes():
    """Of five axes."""
    return alone(nn.BatchNorm3d(3))


@theme.wiring({"bn": SCALE_SHIFTED}, example=[draw(4, 3, 5), draw(4, 3)], further=(draw(1, 3, 1), draw(7, 3)))
def norm_of_signals_and_of_rows():
    """One norm for both numbers of axes."""
    return alone(nn.BatchNorm1d(3))


@theme.wiring({"bn": EITHER | LEFT})
def ours_with_a_residual():
    """The residual is added and activated after the norm."""
    return net(
        lambda m, x: m.bn(m.conv(x), x), conv=nn.Conv2d(3, 3, 3, padding=1, bias=False), bn=ours.BatchNormAdd2d(3)
    )


@theme.wiring({"bn": NOT_FOLDED})
def ours_with_its_input_as_residual():
    """The raw output is read as the residual, too."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y, y)

    return net(forward, conv=nn.Conv2d(3, 3, 3, padding=1, bias=False), bn=ours.BatchNormAdd2d(3))


@theme.wiring({"bn1": FOLDED, "bn2": EITHER | LEFT})
def ours_in_a_residual_block():
    """Two of our layers, the second with the block's input as residual."""
    return net(
        lambda m, x: m.bn2(m.b(m.bn1(m.a(x))), x),
        a=nn.Conv2d(3, 3, 3, padding=1, bias=False),
        bn1=ours.BatchNorm2d(3, activation="relu"),
        b=nn.Conv2d(3, 3, 3, padding=1, bias=False),
        bn2=ours.BatchNormAdd2d(3),
    )


@theme.wiring({"bn": NOT_FOLDED}, example=images(channels=4))
def ours_with_an_activation_in_front_of_a_conv():
    """Backwards the activation stands between the norm and the convolution."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=ours.BatchNorm2d(4, activation="relu"), conv=nn.Conv2d(4, 2, 3))


@theme.wiring({"bn1": FOLDED, "bn2": NOT_FOLDED})
def ours_with_an_activation_in_front_of_a_norm():
    """The second norm must not pass the first's activation."""
    return net(
        lambda m, x: m.bn2(m.bn1(m.conv(x))),
        conv=nn.Conv2d(3, 4, 3),
        bn1=ours.BatchNorm2d(4, activation="relu"),
        bn2=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": EITHER}, example=images(size=8), further=others(2, 3, 8, 8))
def ours_with_a_pool_in_front_of_a_conv():
    """Activation and pool stand between the norm and the convolution behind it."""
    return net(lambda m, x: m.b(m.bn(m.a(x))), a=nn.Conv2d(3, 4, 3), bn=ours.BatchNormPool2d(4), b=nn.Conv2d(4, 2, 3))


@theme.wiring({"": NOT_FOLDED | ABSENT})
def a_model_that_is_a_norm():
    """The model itself cannot be exchanged in place."""
    return nn.BatchNorm2d(3)


@theme.wiring({})
def a_model_without_a_norm():
    """Nothing is to be done."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


@theme.wiring({})
def a_model_without_parameters():
    """Nothing at all is to be done."""
    return nn.ReLU()
