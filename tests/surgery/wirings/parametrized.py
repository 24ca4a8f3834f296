"""Weights that are made anew in every call: what is written into them is gone with the next."""

import torch
import torch.ao.nn.intrinsic.qat as intrinsic_qat
import torch.ao.nn.qat as qat
import torch.ao.nn.quantized.dynamic as dynamic
from torch import nn
from torch.ao.quantization import default_dynamic_qconfig, disable_observer, get_default_qat_qconfig
from torch.nn.utils import parametrizations, parametrize, prune

from ._case import FOLDED, NOT_FOLDED, RIGHT, SCALE_SHIFTED, SHIFT, Theme, draw, net

theme = Theme()
MATERIALIZED = (("materialize", True),)


class Double(nn.Module):
    """A parametrization."""

    def forward(self, w):
        return 2 * w


def one(change, conv=None, **parts):
    """A convolution and its norm, after `change`."""
    model = net(lambda m, x: m.bn(m.conv(x)), conv=conv or nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), **parts)
    change(model)
    return model


WAYS = {
    "weight_norm": lambda m: parametrizations.weight_norm(m.conv),
    "weight_norm_by_hooks": lambda m: nn.utils.weight_norm(m.conv),
    "spectral_norm": lambda m: parametrizations.spectral_norm(m.conv),
    "spectral_norm_by_hooks": lambda m: nn.utils.spectral_norm(m.conv),
    "own_parametrization": lambda m: parametrize.register_parametrization(m.conv, "weight", Double()),
}

for _name, _way in WAYS.items():
    theme.add(
        _name,
        lambda way=_way: one(way),
        {"bn": NOT_FOLDED | SHIFT},
        "The weight is a function of other parameters, and is made again in every call.",
    )
    theme.add(
        f"{_name}_materialized",
        lambda way=_way: one(way),
        {"bn": NOT_FOLDED | FOLDED if _name == "own_parametrization" else FOLDED},
        "Made for good, the weight can be folded; the inverse makes it a function again.",
        options=MATERIALIZED,
    )


@theme.wiring({"bn": RIGHT})
def a_bias_that_is_parametrized():
    """The weight is plain, the shift has no place to stay."""
    return one(lambda m: parametrize.register_parametrization(m.conv, "bias", Double()))


@theme.wiring({"bn": RIGHT})
def gamma_that_is_parametrized():
    """The norm's own parameter is made in every call, and its class is torch's no longer."""
    return one(lambda m: parametrize.register_parametrization(m.bn, "weight", Double()))


@theme.wiring({"bn": NOT_FOLDED | SHIFT})
def weight_norm_of_a_transposed_conv():
    """The axis of the norms is not that of the output channels."""
    return one(lambda m: parametrizations.weight_norm(m.conv), conv=nn.ConvTranspose2d(3, 4, 3))


@theme.wiring({"bn": FOLDED}, options=MATERIALIZED)
def weight_norm_of_a_linear_materialized():
    """As for a convolution."""
    model = net(lambda m, x: m.bn(m.fc(x.mean((2, 3)))), fc=nn.Linear(3, 4), bn=nn.BatchNorm1d(4))
    parametrizations.weight_norm(model.fc)
    return model


@theme.wiring({"bn": NOT_FOLDED | SHIFT})
def a_pruned_weight():
    """A hook multiplies the original weight with a mask before every call."""
    return one(lambda m: prune.l1_unstructured(m.conv, "weight", 0.3))


@theme.wiring({"bn": RIGHT})
def a_pruned_gamma():
    """Channels are pruned at the norm: its weight is an attribute that a hook writes."""
    return one(lambda m: prune.l1_unstructured(m.bn, "weight", 0.5))


@theme.wiring({"bn": FOLDED})
def a_weight_pruned_for_good():
    """The mask has been removed, zeros are in the weight."""

    def change(m):
        prune.l1_unstructured(m.conv, "weight", 0.3)
        prune.remove(m.conv, "weight")

    return one(change)


@theme.wiring({"bn": NOT_FOLDED})
def tied_by_a_parametrization():
    """One convolution's weight is made of the other's."""

    class Of(nn.Module):
        def __init__(self, other):
            super().__init__()
            self.other = (other,)  # not as a child

        def forward(self, w):
            return w + self.other[0].weight.mean()

    def change(m):
        parametrize.register_parametrization(m.second, "weight", Of(m.conv))
        m.body = lambda m, x: m.bn(m.conv(x)) + m.second(x)

    return one(change, second=nn.Conv2d(3, 4, 3))


def observed(kind):
    """A convolution that rounds its weight, and has seen where to."""
    module = kind(3, 4, 3, qconfig=get_default_qat_qconfig("fbgemm"))
    module(draw(2, 3, 6, 6))
    return module.apply(disable_observer)


@theme.wiring({"bn": NOT_FOLDED}, twin=False)
def quantization_aware_convolution():
    """The weight is rounded in every call, and would be rounded elsewhere if it were scaled."""
    return one(lambda m: None, conv=observed(qat.Conv2d))


@theme.wiring({"block.bn": RIGHT}, twin=False, bound=1e-3)
def quantization_aware_convolution_with_a_norm_inside():
    """Its forward reads the norm's statistics to round the weight as it will be once it is folded."""
    return net(lambda m, x: m.block(x), block=observed(intrinsic_qat.ConvBn2d))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(4, 3), twin=False)
def a_quantized_linear():
    """Its weight is packed."""
    plain = nn.Linear(3, 4)
    plain.qconfig = default_dynamic_qconfig
    with torch.no_grad():
        return net(lambda m, x: m.bn(m.fc(x)), fc=dynamic.Linear.from_float(plain), bn=nn.BatchNorm1d(4))
