"""Can the net take the images, by the route that was asked for? Found out before any image is read."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..data import Source
from ..errors import FaultError, InputError, Setting, Words, words_of
from ..nn import set_moments, set_route
from ..runs import TrainConfig
from ..statistics import recalibrate
from ..transaction import copied, transaction
from ._frozen_norms import freeze_trial, names_to_freeze
from ._frozen_parts import frozen_at_first, frozen_by_option, still_from_the_start
from ._moments import fewest_images, reads_population
from ._other_sizes import other_size
from ._synchronized import synchronized, tried_alone
from ._when_trained import when_trained
from ._window import window


def take_route(net: nn.Module, config: TrainConfig) -> None:
    """Set the route that was asked for by name in all layers; `auto` leaves an own net the routes that it came with.

    Raises:
        InputError: no layer of `net` has a route.
    """
    if config.route != "auto" and not set_route(net, config.route):
        raise InputError(
            f"{config.route!r} was asked for, but the net has no batch norm of this package (norm: {config.norm!r})",
            argument="route",
            cure=("Use ", Setting("route", "auto"), ", or a norm of this package."),
        )


def prove_takes(net: nn.Module, source: Source, config: TrainConfig, device: torch.device) -> None:
    """Run one small training batch through a copy of `net`, so that a misfit is told before any image is read.

    Raises:
        InputError: the net refuses the images' shape, or a batch of this size, gives another number of classes, has
            nothing to train, nothing to average, to recalibrate or to fold.
    """
    info, wanted = source.info, _wanted(source)
    images = _images(net, source, config, device)
    count = len(images)
    _prove_freezes(net, config, images, wanted)
    with _told_why(net, config, images, wanted):
        outputs = forward_of(net, config, images)
    got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if got != (count, len(info.classes)):
        raise InputError(
            argument="model", expected=f"outputs of shape {(count, len(info.classes))} for {wanted}", got=str(got)
        )
    if config.batch_size == 1:
        try:
            forward_of(net, config, images[:1])
        except Exception as error:  # as above
            raise InputError(
                f"this net cannot train on single images ({str(error).removesuffix('.')})",
                argument="batch_size",
                cure="Use 2 or more.",
            ) from error
    if config.accumulate > 1:
        _prove_accumulates(net, config, images)
    if config.sync_bn:
        with trial_of(net, config) as trial, synchronized(trial, config):
            pass
    if config.ema_decay:
        _prove_averages(net)
    measured = config.recalibrate != "off" or config.ema_buffers == "recalibrate"
    if measured or reads_population(net, without=frozen_at_first(net, config)):
        with torch.no_grad(), precision_of(config, device), trial_of(net, config) as trial:
            _prove_recalibrates(trial, laid_out(images, config), config)
    if config.norm_mode == "recalibrate":
        with torch.no_grad(), precision_of(config, device), trial_of(net, replace(config, **UNFROZEN)) as trial:
            _prove_measures(trial, laid_out(images, config))
    if config.fold:
        _prove_folds(net, config, laid_out(images, config))
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise InputError(
            "the net has no parameter that requires a gradient, so there is nothing to train", argument="model"
        )


def give_shapes(net: nn.Module, source: Source, config: TrainConfig, device: torch.device) -> None:
    """Let a lazy net see a batch; evaluation moves no statistics.

    Raises:
        InputError: it cannot take it.
    """
    if any(is_lazy(parameter) for parameter in net.parameters()):
        images = _images(net, source, config, device)
        with _told_why(net, config, images, _wanted(source)), torch.no_grad(), precision_of(config, device):
            net.eval()(laid_out(images, config))


def _wanted(source: Source) -> str:
    info = source.info
    return f"{info.name}: images of {'x'.join(map(str, info.image_shape))}, {len(info.classes)} classes"


def _images(net: nn.Module, source: Source, config: TrainConfig, device: torch.device) -> torch.Tensor:
    """Random numbers in the place of a small batch."""
    return torch.randn((fewest_images(net, config), *source.info.image_shape), device=device)


@contextlib.contextmanager
def _told_why(net: nn.Module, config: TrainConfig, images: torch.Tensor, wanted: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the caller's own net may raise anything
        raise _why_not(net, config, images, wanted, error) from error


def forward_of(net: nn.Module, config: TrainConfig, images: torch.Tensor) -> object:
    """Return what a net gives for a batch of the training; gradients are recorded as there, for some nets take them."""
    with precision_of(config, images.device), trial_of(net, config) as trial:
        outputs: object = trial(laid_out(images, config))
        return outputs


def precision_of(config: TrainConfig, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=config.amp == "bf16")


def laid_out(images: torch.Tensor, config: TrainConfig) -> torch.Tensor:
    return images.contiguous(memory_format=torch.channels_last) if config.channels_last else images


def _prove_freezes(net: nn.Module, config: TrainConfig, images: torch.Tensor, wanted: str) -> None:
    unfrozen = replace(config, freeze_norms=None, **UNFROZEN)
    asked = {"freeze": still_from_the_start(net, config)}
    if config.freeze_norms is not None:
        asked["freeze_norms"] = names_to_freeze(net, config.freeze_norms)
    for option, names in asked.items():
        if not names:
            continue
        with precision_of(config, images.device), trial_of(net, unfrozen) as trial:
            freeze_trial(trial, names, option)
            try:
                trial(laid_out(images, config))
            except Exception as error:  # the caller's own net may raise anything
                with _told_why(net, unfrozen, images, wanted):  # if it cannot train at all, freezing is not at fault
                    forward_of(net, unfrozen, images)
                said = (
                    f"the net cannot train with these norms frozen: its forward raised {type(error).__name__}: {error}"
                )
                raise InputError(said, argument=option) from error


def _prove_accumulates(net: nn.Module, config: TrainConfig, images: torch.Tensor) -> None:
    try:
        with precision_of(config, images.device), trial_of(net, config) as trial, window(trial, 2):
            for _ in range(2):
                trial(laid_out(images, config))
    except (ValueError, RuntimeError) as error:
        # What a loop of one's own could do instead, a training cannot.
        said: Words = replace(error.fault, cure="") if isinstance(error, FaultError) else words_of(error)
        why = ("the statistics of several batches cannot be merged in this net: ", said)
        raise InputError(why, argument="accumulate", cure="Leave it at 1.") from error


def _prove_averages(net: nn.Module) -> None:
    try:
        copied(net)
    except InputError as error:
        raise InputError(
            ("an average of the weights is kept in a copy of the net, and ", error.fault),
            argument="ema_decay",
            cure="Leave it at 0.",
        ) from error


def _prove_recalibrates(trial: nn.Module, images: torch.Tensor, config: TrainConfig) -> None:
    try:
        recalibrate(trial, [images])
    except ValueError as error:
        if config.recalibrate == "off" and config.ema_buffers == "recalibrate":
            said = when_trained(words_of(error), "recalibrate")
            why = ("the statistics of this net's average cannot be measured: ", said)
            raise InputError(why, argument="ema_buffers") from None
        if config.recalibrate == "off":
            why = ("this net's population cannot be measured: ", words_of(error))
            raise InputError(why, argument="moments") from None
        said = when_trained(words_of(error), "recalibrate")
        raise InputError(("this net cannot be recalibrated, leave it off: ", said), argument="recalibrate") from None


def _prove_measures(trial: nn.Module, images: torch.Tensor) -> None:
    try:
        recalibrate(trial, [images])
    except ValueError as error:
        why = ("the statistics of this net's norms cannot be measured: ", words_of(error))
        raise InputError(why, argument="norm_mode", cure=("Use ", Setting("norm_mode", "frozen"), ".")) from None


def _prove_folds(net: nn.Module, config: TrainConfig, images: torch.Tensor) -> None:
    from ..surgery import fold

    try:
        # Folding is no change for a while: it needs a copy, here as behind the training.
        if fold(_formatted(copied(net), config).eval(), images, verify=False).norms:
            return
        said: Words = "it has no batch norm"
    except (ValueError, RuntimeError) as error:
        said = when_trained(words_of(error), "fold")
    raise InputError(("this net cannot be folded, leave it off: ", said), argument="fold")


@contextlib.contextmanager
def trial_of(net: nn.Module, config: TrainConfig) -> Iterator[nn.Module]:
    """Give a net to try in training mode: a copy, or, where there is none, the net itself, which is put back.

    It is as in the training's first step: in its memory format, for a route may take one and refuse another, and with
    those norms frozen that never move: they can do with any batch.
    """
    with contextlib.ExitStack() as held:
        try:
            trial = copied(net)
        except InputError:
            held.enter_context(transaction(net, scripts=True))
            trial = net
        for option, names in frozen_by_option(trial, config).items():
            freeze_trial(trial, names, option)
        held.enter_context(tried_alone(trial, config))
        yield _formatted(trial.train(), config)


def _formatted(net: nn.Module, config: TrainConfig) -> nn.Module:
    return net.to(memory_format=torch.channels_last) if config.channels_last else net  # type: ignore[call-overload]  # torch types only 4-D tensors


UNFROZEN: dict[str, Any] = {"freeze": None, "norm_mode": "frozen"}
"""Options of a training of all parts."""
PLAIN: dict[str, Any] = {"route": "auto", "moments": "batch", "amp": "off", "channels_last": False}
"""Options by which a net may fail that can do without, and their values then."""


def _why_not(net: nn.Module, config: TrainConfig, images: torch.Tensor, wanted: str, error: Exception) -> InputError:
    """Return what is wrong with a net that could not compute `images`: whether the net or an option is at fault."""
    for option, plain in PLAIN.items():
        given = getattr(config, option)
        if given == plain:
            continue
        # Where the net fails in any way, the net is at fault.
        with contextlib.suppress(Exception):
            _forward_with(net, replace(config, **{option: plain}), images, option)
            return InputError(f"{given!r} cannot compute this net, {plain!r} can: {error}", argument=option)
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return InputError(
        f"the net cannot take {wanted}: its forward raised {said}",
        argument="model",
        cure=other_size(lambda larger: forward_of(net, config, larger), images),
    )


def _forward_with(net: nn.Module, config: TrainConfig, images: torch.Tensor, option: str) -> None:
    with precision_of(config, images.device), trial_of(net, config) as trial:
        if option == "moments":
            set_moments(trial, config.moments)
        if config.route == "auto":
            set_route(trial, "auto")
        trial(laid_out(images, config))
