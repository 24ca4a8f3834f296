"""Are the norms and convolutions of timm and torchvision seen for what they are?"""

import importlib.util
from functools import cache, partial
from pathlib import Path
from types import ModuleType

from torch import nn

from ._case import ABSENT, EITHER, FOLDED, NOT_FOLDED, RIGHT, SCALE_SHIFTED, SHIFT, Theme, images, net, others

theme = Theme()
INSIDE = {"example": images(channels=4), "further": others(2, 4, 6, 6)}


@cache
def load(name: str) -> ModuleType:
    """A module of timm or torchvision; `benchmarks/peers.py` says where it comes from."""
    path = Path(__file__).parents[3] / "benchmarks" / "peers.py"
    spec = importlib.util.spec_from_file_location("peers_of_wirings", path)
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    return peers.load(name)


def layers(name, *args, **kwargs):
    """A layer of timm."""
    return getattr(load("timm.layers"), name)(*args, **kwargs)


def misc(name, *args, **kwargs):
    """A layer of torchvision."""
    return getattr(load("torchvision.ops.misc"), name)(*args, **kwargs)


def _behind(norm):
    return net(lambda m, x: m.bn(m.conv(x)), conv=nn.Conv2d(4, 4, 3), bn=norm(4))


def _before(norm):
    return net(lambda m, x: m.conv(m.bn(x)), bn=norm(4), conv=nn.Conv2d(4, 2, 3))


def _of(conv):
    return net(lambda m, x: m.bn(m.conv(x)), conv=conv(4, 4, 3), bn=nn.BatchNorm2d(4))


NORMS = {
    "batch_norm_act": (partial(layers, "BatchNormAct2d"), FOLDED, NOT_FOLDED),
    "batch_norm_act_silu": (partial(layers, "BatchNormAct2d", act_layer=nn.SiLU), FOLDED, NOT_FOLDED),
    "batch_norm_act_without_activation": (partial(layers, "BatchNormAct2d", apply_act=False), FOLDED, EITHER),
    "frozen_batch_norm_act": (partial(layers, "FrozenBatchNormAct2d"), RIGHT | ABSENT, NOT_FOLDED | ABSENT),
    "frozen_batch_norm": (partial(misc, "FrozenBatchNorm2d"), RIGHT | ABSENT, RIGHT | ABSENT),
    "group_norm_act": (partial(layers, "GroupNormAct", num_groups=2), ABSENT, ABSENT),
}
CONVS = {
    "conv_same": (partial(layers, "Conv2dSame", stride=2), FOLDED),
    "standardized": (partial(layers, "StdConv2d", padding=1), NOT_FOLDED | SHIFT),
    "standardized_same": (partial(layers, "StdConv2dSame"), NOT_FOLDED | SHIFT),
    "scaled_standardized": (partial(layers, "ScaledStdConv2d"), NOT_FOLDED | SHIFT),
    "mixed_kernels": (partial(layers, "MixedConv2d", kernel_size=[1, 3]), FOLDED),
}

for _name, (_norm, _after, _in_front) in NORMS.items():
    theme.add(f"peers_{_name}", partial(_behind, _norm), {"bn": _after}, "Its activation stays.", **INSIDE)
    _why = "If it has an activation, that stands between the norm and the convolution."
    theme.add(f"peers_{_name}_before_a_conv", partial(_before, _norm), {"bn": _in_front}, _why, **INSIDE)

for _name, (_conv, _expected) in CONVS.items():
    if _name == "mixed_kernels":
        _conv = lambda cin, cout, k, make=_conv: make(cin, cout)  # noqa: E731
    theme.add(
        f"peers_{_name}",
        partial(_of, _conv),
        {"bn": _expected},
        "A weight that is made anew in every call cannot be scaled; one that is only used differently can.",
        **INSIDE,
    )


@theme.wiring({"bn": RIGHT, "bn.aux_bn.0": NOT_FOLDED | ABSENT}, **INSIDE)
def peers_split_batch_norm():
    """In evaluation torch's norm; its children are for training alone."""
    return _behind(partial(layers, "SplitBatchNorm2d", num_splits=2))


@theme.wiring({"block.bn": FOLDED}, **INSIDE)
def peers_conv_norm_act():
    """timm's block: convolution, norm, activation."""
    return net(lambda m, x: m.block(x), block=layers("ConvNormAct", 4, 4, 3))


@theme.wiring({"block.1": FOLDED}, **INSIDE)
def peers_conv_normalization_activation():
    """torchvision's block, a subclass of `nn.Sequential`."""
    return net(lambda m, x: m.block(x), block=misc("Conv2dNormActivation", 4, 4, 3))


@theme.wiring({"bn": SCALE_SHIFTED}, **INSIDE)
def peers_norm_behind_drop_path():
    """Stochastic depth does nothing in evaluation; the sum behind it is what is normalized."""
    return net(
        lambda m, x: m.bn(x + m.drop(m.conv(x))),
        conv=nn.Conv2d(4, 4, 3, padding=1),
        drop=layers("DropPath", 0.5),
        bn=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": FOLDED}, **INSIDE)
def peers_drop_path_in_between():
    """Stochastic depth does nothing in evaluation."""
    return net(
        lambda m, x: m.bn(m.drop(m.conv(x))),
        conv=nn.Conv2d(4, 4, 3),
        drop=layers("DropPath", 0.5),
        bn=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": SCALE_SHIFTED}, **INSIDE)
def peers_squeeze_and_excite_in_between():
    """A gate made of the raw output."""
    return net(
        lambda m, x: m.bn(m.gate(m.conv(x))),
        conv=nn.Conv2d(4, 4, 3),
        gate=layers("SEModule", 4, rd_channels=2),
        bn=nn.BatchNorm2d(4),
    )
