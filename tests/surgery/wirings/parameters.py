"""Who else reads, or changes, the weights and the statistics themselves?"""

import torch
from torch import nn

from ._case import FOLDED, LEFT, NOT_FOLDED, RIGHT, Theme
from .readers import one

theme = Theme()


@theme.wiring({"bn": NOT_FOLDED})
def the_weight_read():
    """A penalty beside the logits."""
    return one(lambda m, x: (m.bn(m.conv(x)), m.conv.weight.abs().mean()))


@theme.wiring({"bn": NOT_FOLDED})
def the_bias_read():
    """Only the bias is read, and a norm that has a shift would move it."""
    return one(lambda m, x: m.bn(m.conv(x)) + m.conv.bias.sum())


@theme.wiring({"bn": NOT_FOLDED})
def the_weights_data_read():
    """Another tensor object, the same memory."""
    return one(lambda m, x: m.bn(m.conv(x)) + m.conv.weight.data.norm())


@theme.wiring({"bn": NOT_FOLDED})
def the_weight_read_by_numpy():
    """Past the dispatcher."""
    return one(lambda m, x: m.bn(m.conv(x)) + float(abs(m.conv.weight.detach().numpy()).sum()))


@theme.wiring({"bn": NOT_FOLDED})
def the_weight_read_as_a_list():
    """Past the dispatcher, and no array is left."""
    return one(lambda m, x: m.bn(m.conv(x)) + m.conv.weight[0, 0, 0].tolist()[0])


@theme.wiring({"bn": NOT_FOLDED})
def the_state_dict_read():
    """The weight under a name of its own, detached."""
    return one(lambda m, x: m.bn(m.conv(x)) + m.state_dict()["conv.weight"].sum())


@theme.wiring({"bn": LEFT})
def all_parameters_read():
    """Weight decay as a part of the output: the norm's parameters belong to it."""
    return one(lambda m, x: (m.bn(m.conv(x)), sum(p.square().sum() for p in m.parameters())))


@theme.wiring({"bn": LEFT})
def gamma_read():
    """Network slimming: the norm's scales are penalized."""
    return one(lambda m, x: (m.bn(m.conv(x)), m.bn.weight.abs().sum()))


@theme.wiring({"bn": LEFT})
def the_statistics_read():
    """DeepInversion: a distance to the running statistics."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y), (y.mean((0, 2, 3)) - m.bn.running_mean).norm()

    return one(forward)


@theme.wiring({"bn": LEFT})
def the_statistics_written():
    """Statistics of a domain are copied into the norm before it runs."""

    def forward(m, x):
        with torch.no_grad():
            m.bn.running_mean.copy_(m.means[int(x.shape[0] > 2)])
        return m.bn(m.conv(x))

    return one(forward, means=torch.tensor([[0.5, 1.0, -1.0, 2.0], [1.5, -1.0, 1.0, -2.0]]))


@theme.wiring({"bn": LEFT})
def gamma_exchanged():
    """A conditional norm: its parameters are made of the input."""

    def forward(m, x):
        m.bn.weight.data = m.film(x.mean((2, 3)).mean(0))
        return m.bn(m.conv(x))

    return one(forward, film=nn.Linear(3, 4))


@theme.wiring({"bn": FOLDED})
def scale_and_shift_made_of_the_input():
    """A norm without parameters of its own is a constant, what follows is not."""

    def forward(m, x):
        scale, shift = m.film(x.mean((2, 3))).chunk(2, 1)
        return m.bn(m.conv(x)) * scale[..., None, None] + shift[..., None, None]

    return one(forward, film=nn.Linear(3, 8), bn=nn.BatchNorm2d(4, affine=False))


def _large_scales(m):
    m.bn.weight.data.mul_(10)


@theme.wiring({"bn": NOT_FOLDED}, after=_large_scales)
def the_weight_clipped_in_forward():
    """The clip does nothing to the weight as it is, and much to one that is scaled."""

    def forward(m, x):
        with torch.no_grad():
            m.conv.weight.clamp_(-1, 1)
        return m.bn(m.conv(x))

    return one(forward)


@theme.wiring({"bn": RIGHT})
def the_weight_masked_in_forward():
    """A causal convolution writes zeros into its weight, which scales keep."""

    def forward(m, x):
        with torch.no_grad():
            m.conv.weight.mul_(m.mask)
        return m.bn(m.conv(x))

    return one(forward, mask=(torch.arange(9).view(3, 3) < 5).float())
