"""State that is not where it belongs, or that forward itself changes: attributes, caches, modes, hooks for a while."""

import copy

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import Parameter

from ._case import ABSENT, EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, Theme, images, net

theme = Theme()


def one(forward, **parts):
    return net(forward, **({"conv": nn.Conv2d(3, 4, 3), "bn": nn.BatchNorm2d(4)} | parts))


def plain(m, x):
    """The convolution and its norm."""
    return m.bn(m.conv(x))


@theme.wiring({"bn": RIGHT}, twin=False)
def a_weight_that_is_a_plain_attribute():
    """No parameter and no buffer: `state_dict` does not know it."""
    model = one(plain)
    weight = model.conv.weight.detach().clone()
    del model.conv.weight
    model.conv.weight = weight
    return model


@theme.wiring({"bn": RIGHT})
def a_weight_that_is_a_buffer():
    """It is not to be trained."""
    model = one(plain)
    weight = model.conv.weight.detach().clone()
    del model.conv.weight
    model.conv.register_buffer("weight", weight)
    return model


@theme.wiring({"bn": RIGHT})
def a_bias_that_is_a_buffer():
    """Nothing but a tensor may take its place."""
    model = one(plain)
    bias = model.conv.bias.detach().clone()
    del model.conv.bias
    model.conv.register_buffer("bias", bias)
    return model


@theme.wiring({"bn": NOT_FOLDED})
def a_weight_that_is_a_property():
    """What is read is made of another parameter in every call."""

    class Conv(nn.Conv2d):
        weight = property(lambda self: torch.tanh(self.raw))

    conv = nn.Conv2d(3, 4, 3)
    conv.raw = conv.weight
    del conv.weight
    conv.__class__ = Conv
    return one(plain, conv=conv)


@theme.wiring({"bn": RIGHT}, twin=False)
def statistics_that_are_plain_attributes():
    """No buffers: `state_dict` does not know them."""
    model = one(plain)
    for name in ("running_mean", "running_var"):
        value = getattr(model.bn, name)
        delattr(model.bn, name)
        setattr(model.bn, name, value)
    return model


@theme.wiring({"bn": NOT_FOLDED})
def a_shallow_copy_of_the_conv():
    """Two modules with one dictionary of parameters."""
    model = one(lambda m, x: m.bn(m.conv(x)) + m.other(x), other=None)
    model.other = copy.copy(model.conv)
    return model


@theme.wiring({"bn": EITHER}, twin=False)
def two_parameters_of_one_memory():
    """Different objects, the same numbers: what is written into one is in the other."""
    model = one(lambda m, x: m.bn(m.conv(x)) + m.other(x), other=nn.Conv2d(3, 4, 3))
    model.other.weight.data = model.conv.weight.data
    return model


@theme.wiring({"bn": NOT_FOLDED})
def the_weight_returned():
    """No operator reads it, it comes out as it is."""
    return one(lambda m, x: (m.bn(m.conv(x)), m.conv.weight))


@theme.wiring({"bn": NOT_FOLDED})
def a_dict_of_parameters_returned():
    """All that belongs to the convolution comes out."""
    return one(lambda m, x: (m.bn(m.conv(x)), dict(m.conv.named_parameters())))


@theme.wiring({"bn": LEFT})
def gamma_returned():
    """Nothing else is called so."""
    return one(lambda m, x: (m.bn(m.conv(x)), m.bn.weight))


@theme.wiring({"bn": LEFT})
def the_statistics_returned():
    """Nothing else is called so."""
    return one(lambda m, x: {"out": m.bn(m.conv(x)), "mean": m.bn.running_mean})


@theme.wiring({"bn": LEFT})
def statistics_that_adapt():
    """Adaptation at test time: each call moves them."""

    def forward(m, x):
        y = m.conv(x)
        z = m.bn(y)
        with torch.no_grad():
            m.bn.running_mean.lerp_(y.detach().mean((0, 2, 3)), 0.1)
        return z

    return one(forward)


@theme.wiring({"bn": LEFT})
def a_norm_that_trains_while_it_is_called():
    """Outside of forward it is in evaluation, inside it normalizes by the batch."""

    def forward(m, x):
        m.bn.train()
        try:
            return m.bn(m.conv(x))
        finally:
            m.bn.eval()

    return one(forward)


@theme.wiring({"bn": LEFT}, example=[images(2), images(5)], further=(images(1), images(7)))
def eps_set_in_forward():
    """An attribute of the norm depends on the number of samples."""

    def forward(m, x):
        m.bn.eps = 1e-5 if len(x) < 4 else 1.0
        return m.bn(m.conv(x))

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED}, observe=lambda model, output: (output, model.seen))
def a_hook_for_a_while():
    """Registered in forward, and removed when it has seen the raw output."""

    def forward(m, x):
        def hook(module, args, output):
            m.seen = output.mean().item()

        handle = m.conv.register_forward_hook(hook)
        try:
            return m.bn(m.conv(x))
        finally:
            handle.remove()

    return one(forward, seen=None)


@theme.wiring(
    {"bn": NOT_FOLDED, "norms.0": NOT_FOLDED | ABSENT, "norms.1": NOT_FOLDED | ABSENT},
    example=[(images(), 0), (images(), 1)],
    further=((images(3), 0), (images(1), 1)),
)
def a_norm_exchanged_in_forward():
    """The model makes another of its norms the current one before each call."""

    def forward(m, x, domain):
        m.bn = m.norms[domain]
        return m.bn(m.conv(x))

    norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(2))
    return one(forward, norms=norms, bn=norms[0])


@theme.wiring({"bn": NOT_FOLDED})
def a_raw_output_cached_from_the_first_call():
    """The convolution has run long ago, its output is normalized in every call."""

    def forward(m, x):
        if m.cache is None:
            m.cache = m.conv(m.grid)
        return m.bn(m.cache) + x.mean()

    return one(forward, grid=images(1, seed=9), cache=None)


@theme.wiring({"bn": NOT_FOLDED})
def a_weight_cached_from_the_first_call():
    """What is convolved is a copy of the weight: the weight itself is read no more."""

    def forward(m, x):
        if m.cache is None:
            m.cache = 2 * m.conv.weight.detach()
        return m.bn(nn.functional.conv2d(x, m.cache))

    return one(forward, cache=None)


@theme.wiring({"bn": EITHER})
def a_norm_called_sample_by_sample():
    """Each row of the output passes the norm by itself."""
    return one(lambda m, x: torch.cat([m.bn(row[None]) for row in m.conv(x)]))


@theme.wiring({"bn": FOLDED}, example=images(2), further=(images(1), images(2, size=9)))
def a_norm_called_for_a_list():
    """One convolution per level, a norm for each."""
    return one(lambda m, x: [m.bn(m.conv(level)) for level in [x]])


@theme.wiring({"base.1": LEFT})
def an_ensemble_of_stacked_weights():
    """The base's own parameters are never used: `vmap` calls it with those of every member."""

    def forward(m, x):
        stacked = {name.replace("_", "."): p for name, p in m.stacked.items()}
        return torch.vmap(lambda p: functional_call(m.base, p, (x,)))(stacked)

    base = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    stacked = {name.replace(".", "_"): Parameter(torch.stack([p, 2 * p])) for name, p in base.named_parameters()}
    return net(forward, base=base, stacked=nn.ParameterDict(stacked))
