"""Which net has so many layers, with skips or without, and starts as its activation wants it?"""

from typing import Any

import torch
from torch import nn

from ...errors import RefusedError
from ...models import MLP, PlainNet, ResNet
from .._run import Run
from ..measures import KINDS, SCHEMES

WIDTH = {"plain": 8, "skips": 8, "dense": 512}
"""Channels of the first stage, or features of every layer."""


def deep_net(run: Run) -> nn.Module:
    """Build the net of an arm: `options` say `net`, `layers` (the classifier included), `activation` and `norm`.

    The weights of one seed are the same with each norm. They are normal: He's for ReLU (fan out), Glorot's for sigmoid
    and tanh. Biases are 0.

    Raises:
        RefusedError: a model was asked for. Of which depth it is, is not for this claim to choose.
    """
    if run.model is not None:
        raise RefusedError(
            "this claim compares depths, and builds nets of its own for it",
            argument="model",
            expected="none",
            got=repr(run.model),
            cure="Run this claim without a model.",
        )
    kind, layers = str(run.options["net"]), int(str(run.options["layers"]))
    norm = {"batch": "batchnorm", "none": None}[str(run.options["norm"])]
    shape: dict[str, Any] = {
        "num_classes": len(run.info.classes),
        "in_channels": run.info.in_channels,
        "image_size": run.info.image_size,
    }
    style: dict[str, Any] = {"norm": norm, "activation": run.options["activation"], "width": WIDTH[kind]}
    if kind == "skips":
        net: nn.Module = ResNet(blocks=(layers - 2) // 6, **shape, **style)
    else:
        net = {"plain": PlainNet, "dense": MLP}[kind](depth=layers - 1, **shape, **style)
    _initialize(net, "kaiming" if run.options["activation"] == "relu" else "xavier", run.generator("weights"))
    return net.to(run.device)


def _initialize(net: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Draw all weights, the last layer's too: what a constructor has drawn before depends on whether norms follow."""
    for module in net.modules():
        if isinstance(module, KINDS):
            SCHEMES[scheme](module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
