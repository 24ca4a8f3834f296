"""Can the net take the images, by the route that was asked for? Found out before any image is read."""

import contextlib
import copy

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..data import Source
from ..errors import InputError
from ..nn import set_route
from ..statistics import recalibrate
from ._config import TrainConfig


def take_route(net: nn.Module, config: TrainConfig) -> None:
    """Set the route that was asked for by name in all layers; `auto` leaves an own net the routes that it came with.

    Raises:
        InputError: no layer of `net` has a route.
    """
    if config.route != "auto" and not set_route(net, config.route):
        raise InputError(
            f"route: {config.route!r} was asked for, but the net has no batch norm of this package "
            f"(norm: {config.norm!r}); leave route at 'auto', or take such a norm"
        )


def prove_takes(net: nn.Module, source: Source, config: TrainConfig, device: torch.device) -> None:
    """Run one small training batch through a copy of `net`, so that a misfit is told before any image is read.

    Raises:
        InputError: the net refuses the images' shape, or a batch of this size, gives another number of classes, has
            nothing to train, nothing to recalibrate, or nothing to fold.
    """
    info = source.info
    wanted = (
        f"{info.name}: images of {info.in_channels}x{info.image_size}x{info.image_size}, {len(info.classes)} classes"
    )
    images = torch.randn((2, info.in_channels, info.image_size, info.image_size), device=device)
    if config.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    amp = torch.autocast(device.type, torch.bfloat16, enabled=config.amp == "bf16")
    with torch.no_grad(), amp:
        try:
            if any(is_lazy(parameter) for parameter in net.parameters()):
                net.eval()(images)  # gives a lazy net its shapes; evaluation moves no statistics
            outputs = _trial(net, config)(images)
        except Exception as error:  # the caller's own net may raise anything
            raise InputError(_why_not(net, config, images, wanted, error)) from error
        got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        if got != (2, len(info.classes)):
            raise InputError(f"model: expected outputs of shape {(2, len(info.classes))} for {wanted}; got {got}")
        if config.batch_size == 1:
            try:
                _trial(net, config)(images[:1])
            except Exception as error:  # as above
                raise InputError(
                    f"batch_size: this net cannot train on single images, give 2 or more ({error})"
                ) from error
        if config.recalibrate != "off":
            _prove_recalibrates(_trial(net, config), images)
    if config.fold:
        _prove_folds(_trial(net, config).eval(), images)
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise InputError("model: the net has no parameter that requires a gradient; there is nothing to train")


def _prove_recalibrates(trial: nn.Module, images: torch.Tensor) -> None:
    try:
        recalibrate(trial, [images])
    except ValueError as error:
        # A training has no such option.
        later = "batchnorm.recalibrate(model, loader, include_frozen=True) once it is trained"
        said = str(error).removeprefix("recalibrate: ").replace("include_frozen=True", later)
        raise InputError(f"recalibrate: this net cannot be recalibrated, leave it off: {said}") from None


def _prove_folds(trial: nn.Module, images: torch.Tensor) -> None:
    from ..surgery import fold

    try:
        if fold(trial, images, verify=False).norms:
            return
        said = "it has no batch norm"
    except (ValueError, RuntimeError) as error:
        said = str(error).removeprefix("fold: ")
    raise InputError(f"fold: this net cannot be folded, leave it off: {said}")


def _trial(net: nn.Module, config: TrainConfig) -> nn.Module:
    """Return a copy of `net` to try, in the memory format of the training: a route may take one and refuse another."""
    trial = copy.deepcopy(net).train()
    return trial.to(memory_format=torch.channels_last) if config.channels_last else trial  # type: ignore[call-overload]  # torch types only 4-D tensors


def _why_not(net: nn.Module, config: TrainConfig, images: torch.Tensor, wanted: str, error: Exception) -> str:
    """Return what to say of a net that could not compute `images`: whether the net or the route is at fault."""
    if config.route != "auto":
        # Where the net fails on any route, the net is at fault.
        with contextlib.suppress(Exception):
            trial = _trial(net, config)
            set_route(trial, "auto")
            trial(images)
            return f"route: {config.route!r} cannot compute this net, 'auto' can: {error}"
    return f"model: the net cannot take {wanted}: {error}"
