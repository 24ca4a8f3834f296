"""Which net does an arm train? One with its norm, and the same initial weights as all arms of its seed."""

from functools import partial
from typing import Any

import torch
from torch import nn

from ..data import DatasetInfo
from ..errors import InputError
from ..models import build
from ..norms import find_norms
from ..surgery import convert

NET = "PlainNet"
"""What is trained where no model is named: convolutions without skips, of which nothing stands in for a norm."""
SIZES = {"depth": 6, "width": 16}

KINDS = ("batch", "torch", "none", "layer", "group", "instance")


def built(info: DatasetInfo, model: str | None, norm: str, seed: int, model_args: dict[str, Any]) -> nn.Module:
    """Build a net with a kind of norm, whose initial weights are those of the same net with batch norm.

    They are the same wherever a tensor has the same name and shape in both. Torch's own random state is as before.

    Args:
        info: of the data.
        model: as `batchnorm train --model` takes it; None: `PlainNet(depth=6, width=16)`.
        norm: "batch", "torch", "none", "layer", "group", "instance", or moments for batch norm such as "ghost:16".
        seed: of the initial weights.
        model_args: of the net's own.

    Raises:
        InputError: an unknown norm or model, or a net without a batch norm where another kind is to stand in for it.

    Example:
        >>> from batchnorm.data import get
        >>> plain, normed = (built(get("fashion-mnist-mini").info, None, norm, 7, {}) for norm in ("none", "batch"))
        >>> torch.equal(plain.get_submodule("conv3").weight, normed.get_submodule("conv3").weight)
        True
    """
    name = NET if model is None else model
    arguments = (SIZES if model is None else {}) | model_args
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reference = _made(info, name, "batch", arguments)
        if norm == "batch":
            return reference
        torch.manual_seed(seed)
        net = _made(info, name, norm, arguments)
    _take_weights(net, reference)
    return net


def _made(info: DatasetInfo, name: str, norm: str, arguments: dict[str, Any]) -> nn.Module:
    shape: dict[str, Any] = {
        "num_classes": len(info.classes),
        "in_channels": info.in_channels,
        "image_size": info.image_size,
    }
    direct = {"batch": "batchnorm", "torch": "torch", "none": "none"}
    if norm in direct:
        return build(name, norm=direct[norm], **shape, **arguments)
    if norm in KINDS:
        return _grouped(build(name, norm="torch", **shape, **arguments), norm)
    net = build(name, **shape, **arguments)
    try:
        convert(net, moments=norm)
    except InputError as error:
        expected = f"one of {', '.join(KINDS)}, or moments such as ghost:16"
        raise InputError(argument="norm", expected=expected, got=repr(norm)) from error
    return net


def _grouped(net: nn.Module, norm: str) -> nn.Module:
    """Put torch's group norm in the place of every batch norm: with all channels in a group, some, or each alone."""
    for found in find_norms(net):
        groups = {"layer": {"num_groups": 1}, "instance": {"num_groups": len(found.mean)}, "group": {}}[norm]
        convert(net, "group", filter_fn=partial(_is, found.name), **groups)
    return net


def _is(wanted: str, module: nn.Module, name: str) -> bool:
    return name == wanted


@torch.no_grad()
def _take_weights(net: nn.Module, reference: nn.Module) -> None:
    known = reference.state_dict()
    for name, tensor in net.state_dict().items():
        if name in known and known[name].shape == tensor.shape:
            tensor.copy_(known[name])
