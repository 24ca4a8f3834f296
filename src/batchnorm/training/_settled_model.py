"""Which net is trained, where the caller leaves that to the library?"""

from dataclasses import replace
from typing import Any

from ..data import Source, height_and_width
from ..runs import AUTO_MODEL, Initial, TrainConfig

SMALL = 32
"""Pixels of the longer side of images that ConvBNNet is for: it flattens what its convolutions see of them."""
OPTIONS = ("norm", "activation", "norm_place")
"""Arguments of nets that are options of a training."""


def settled_model(config: TrainConfig, source: Source, initial: Initial | None) -> TrainConfig:
    """Return the config with a net in the place of "auto".

    That is the net of the weights to start with, as it was built for them, but for options that the config has other
    than by default; else ConvBNNet, or resnet20 for images that are larger than 32x32.

    Example:
        >>> from batchnorm.data import get
        >>> settled_model(TrainConfig(), get("fashion-mnist-mini"), None).model
        'ConvBNNet'
    """
    if config.model != AUTO_MODEL:
        return config
    if initial is not None and initial.model is not None:
        return _as_built(config, initial.model, initial.arguments)
    larger = max(height_and_width(source.info.image_size)) > SMALL
    return replace(config, model="resnet20" if larger else "ConvBNNet")


def _as_built(config: TrainConfig, model: str, arguments: dict[str, Any]) -> TrainConfig:
    """Return the config of a net that is built with these arguments, as far as the config leaves them open."""
    default = TrainConfig()
    options = {
        name: arguments[name]
        for name in OPTIONS
        if name in arguments and getattr(config, name) == getattr(default, name)
    }
    if options.get("norm") != "none":  # the library's norm and torch's take each other's weights
        options.pop("norm", None)
    own = {name: value for name, value in arguments.items() if name not in OPTIONS}
    return replace(config, model=model, model_args={**own, **config.model_args}, **options)
