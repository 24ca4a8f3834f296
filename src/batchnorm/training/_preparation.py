"""Everything that a training needs, found and proved before its first step."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from .. import data
from ..data import Augmentation, Batches, Normalization, Source
from ..errors import InputError
from ..models import build
from ._checkpoint import Position
from ._config import TrainConfig
from ._model_file import ModelCard
from ._optimizer import make_average, make_optimizer, make_scheduler

EVALUATION_BATCH = 500


@dataclass
class Job:
    """A training: the parts that move (model, average, optimizer, scheduler, position) and those that do not."""

    config: TrainConfig
    device: torch.device
    source: Source
    card: ModelCard
    train: Batches
    val: Batches | None
    model: nn.Module
    average: AveragedModel | None
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    position: Position = field(default_factory=Position)

    @property
    def best(self) -> nn.Module:
        """The net to validate, save and ship: the averaged one where there is an average."""
        if self.average is None:
            return self.model
        averaged: nn.Module = self.average.module
        return averaged

    def states(self) -> dict[str, Any]:
        """Return all that moves, for a checkpoint; torch's random numbers too, for a net may draw them (dropout)."""
        states = {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "rng": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            states["cuda_rng"] = torch.cuda.get_rng_state(self.device)
        return states

    def restore(self, position: Position, states: dict[str, Any]) -> None:
        """Put back what `states` gave.

        Raises:
            InputError: the states are another net's or another rule's.
        """
        try:
            self.model.load_state_dict(states["model"])
            if self.average is not None:
                self.average.load_state_dict(states["average"])
            self.optimizer.load_state_dict(states["optimizer"])
            self.scheduler.load_state_dict(states["scheduler"])
            torch.set_rng_state(states["rng"])
            if self.device.type == "cuda" and "cuda_rng" in states:
                torch.cuda.set_rng_state(states["cuda_rng"], self.device)
        except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise InputError(f"the checkpoint does not fit this run's config: {error}") from None
        self.position = position


def prepare(config: TrainConfig, device: torch.device, model: nn.Module | None, source: Source | None) -> Job:
    """Find the data, build the net, prove that it takes the images, read them, set up the rule.

    Args:
        config: the options.
        device: where the net runs.
        model: the caller's own net; `None` builds what `config.model` names.
        source: the caller's own data; `None` takes what `config.data` names.

    Raises:
        InputError: the data or the net cannot be used.
    """
    source = source or data.get(config.data)
    net, name, arguments = _net(config, model, source)
    net.to(device)
    prove_takes(net, source, config.batch_size, device)
    if config.channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types only 4-D tensors
    train, val = data.split_off_validation(source.load("train"), config.val_fraction, config.seed)
    normalization = Normalization.of(train.images)
    card = ModelCard(
        model=name,
        arguments=arguments,
        classes=source.info.classes,
        in_channels=source.info.in_channels,
        image_size=source.info.image_size,
        normalization=normalization,
        data=source.info.name,
    )
    augmentation = Augmentation(flip=config.flip and source.info.flippable, shift=config.shift)
    if len(train) < 2:
        raise InputError(f"val_fraction: leaves {len(train)} training images, expected at least 2; hold fewer out")
    batches = Batches(
        train,
        config.batch_size,
        normalization,
        augmentation=augmentation,
        shuffle=True,
        channels_last=config.channels_last,
    )
    optimizer = make_optimizer(net, config)
    return Job(
        config=config,
        device=device,
        source=source,
        card=card,
        train=batches,
        val=evaluation_batches(val, normalization, config) if len(val) else None,
        model=net,
        average=make_average(net, config.ema_decay),
        optimizer=optimizer,
        scheduler=make_scheduler(optimizer, config, steps=len(batches) * config.epochs),
    )


def evaluation_batches(split: data.Split, normalization: Normalization, config: TrainConfig) -> Batches:
    """Return `split` in order and whole, in batches that only memory limits."""
    return Batches(split, EVALUATION_BATCH, normalization, channels_last=config.channels_last)


def prove_takes(net: nn.Module, source: Source, batch_size: int, device: torch.device) -> None:
    """Run one small training batch through a copy of `net`, so that a misfit is told before any image is read.

    Raises:
        InputError: the net refuses the images' shape, or a batch of this size, or gives another number of classes.
    """
    info = source.info
    shape = (min(batch_size, 2), info.in_channels, info.image_size, info.image_size)
    wanted = (
        f"{info.name}: images of {info.in_channels}x{info.image_size}x{info.image_size}, {len(info.classes)} classes"
    )
    images = torch.randn(shape, device=device)
    try:
        with torch.no_grad():
            if any(is_lazy(parameter) for parameter in net.parameters()):
                net.eval()(images)  # gives a lazy net its shapes; evaluation moves no statistics
            outputs = copy.deepcopy(net).train()(images)
    except (ValueError, RuntimeError, TypeError) as error:
        if batch_size == 1:
            raise InputError(f"batch_size: this net cannot train on single images, give 2 or more ({error})") from None
        raise InputError(f"model: the net cannot take {wanted}: {error}") from None
    got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if got != (shape[0], len(info.classes)):
        raise InputError(f"model: expected outputs of shape {(shape[0], len(info.classes))} for {wanted}; got {got}")


def _net(config: TrainConfig, model: nn.Module | None, source: Source) -> tuple[nn.Module, str, dict[str, Any]]:
    """Return the net, the name and, beside the data's, the arguments with which it can be built again."""
    if model is not None:
        return model, f"{type(model).__module__}:{type(model).__qualname__}", {}
    arguments: dict[str, Any] = {
        "norm": config.norm,
        "activation": config.activation,
        "norm_place": config.norm_place,
        **config.model_args,
    }
    info = source.info
    net = build(
        config.model,
        num_classes=len(info.classes),
        in_channels=info.in_channels,
        image_size=info.image_size,
        **arguments,
    )
    return net, config.model, arguments
