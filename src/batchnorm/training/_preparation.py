"""Everything that a training needs, found and proved before its first step."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from .. import data
from ..data import Batches, FolderSource, Normalization, Share, Source, Split, as_image_size
from ..errors import InputError
from ..models import OwnNorm, build, names_own_norm
from ..ranks import Ranks, one_per_machine_first
from ..runs import Initial, ModelCard, TrainConfig, augmentation_of, evaluation_batches, take_initial
from ..transaction import all_or_nothing, all_steps
from ._alike import check_options_alike
from ._as_it_came import as_it_came_if_refused
from ._frozen_norms import frozen_norms_of
from ._frozen_parts import FrozenParts, frozen_parts_of
from ._job import Job
from ._kept import place_to_keep
from ._moments import take_moments
from ._optimizer import make_average, make_optimizer, make_scheduler
from ._own_states import draw_apart
from ._proof import give_shapes, prove_takes, take_route
from ._proof_of_shares import prove_shares
from ._refreshes import population_of, refreshes_of


def in_hand(**given: object) -> tuple[str, ...]:
    """Return which of these arguments are objects, and no names."""
    return tuple(name for name, value in given.items() if value is not None and not isinstance(value, str))


@contextmanager
def prepared(
    config: TrainConfig,
    device: torch.device,
    model: nn.Module | str | None,
    source: Source,
    ranks: Ranks,
    *,
    objects: tuple[str, ...],
    initial: Initial | None,
) -> Iterator[Job]:
    """Give a training that can begin; what is a state of the training alone ends with the block. See `prepare`."""
    job = prepare(config, device, model, source, objects, ranks, initial)
    try:
        yield job
    finally:
        if job.parts is not None:
            job.parts.give_back(job.model, job.best)


def prepare(
    config: TrainConfig,
    device: torch.device,
    model: nn.Module | str | None,
    source: Source,
    objects: tuple[str, ...] = (),
    ranks: Ranks | None = None,
    initial: Initial | None = None,
) -> Job:
    """Build the net, prove that it takes the images, read them, set up the rule.

    Args:
        config: the options.
        device: where the net runs.
        model: the caller's own net, or the name of its function; `None` builds what `config.model` names.
        source: the data.
        objects: see `Job.in_hand`.
        ranks: the processes that train together, each of which calls this; `None`: this one alone.
        initial: the weights that the net starts with; `None`: its own.

    Raises:
        InputError: the data or the net cannot be used.
        RankError: another process failed, or cannot be reached.
    """
    ranks = ranks or Ranks(None, device, "train")
    check_options_alike(ranks, config)
    side = min(source.info.image_shape[1:])
    if config.shift >= side:
        raise InputError(
            argument="shift",
            expected=f"less than the images' {side} pixels",
            got=str(config.shift),
        )
    net, arguments = _net(config, model, source)
    with as_it_came_if_refused(net), all_or_nothing() as undo:
        take_route(net, config)
        take_moments(net, config)
        net.to(device)
        give_shapes(net, source, config, device)
        parts = frozen_parts_of(net, config)
        if parts is not None:
            undo.add(partial(parts.give_back, net))
            parts.take(net)
        prove_takes(net, source, config, device)
        taken = None
        if initial is not None:
            undo.add(*all_steps(net))
            taken = take_initial(net, initial, source.info.classes)
        job = _job(config, device, net, arguments, source, objects, ranks, parts)
        job.initialization = taken
        prove_shares(net, job.train, config, device, ranks)
    draw_apart(ranks, config.seed)
    return job


def _job(
    config: TrainConfig,
    device: torch.device,
    net: nn.Module,
    arguments: dict[str, Any],
    source: Source,
    objects: tuple[str, ...],
    ranks: Ranks,
    parts: FrozenParts | None,
) -> Job:
    """Read the images, and put all together that trains a net which can be trained."""
    if config.channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types only 4-D tensors
    train, val = _images(config, source, ranks)
    normalization = Normalization.of(train.images)
    batches = Batches(
        train,
        config.batch_size * config.accumulate,
        normalization,
        augmentation=augmentation_of(config, source),
        shuffle=True,
        channels_last=config.channels_last,
        micro_batch=config.batch_size,
    )
    steps, share = len(batches) * config.epochs, Share(ranks.rank, ranks.size)
    frozen = frozen_norms_of(net, config, steps)
    optimizer = make_optimizer(net, config)
    return Job(
        config=config,
        device=device,
        source=source,
        card=_card(config, arguments, source, normalization),
        train=batches,
        val=evaluation_batches(val, normalization, config) if len(val) else None,
        model=net,
        average=make_average(net, config.ema_decay, config.ema_buffers),
        optimizer=optimizer,
        scheduler=make_scheduler(optimizer, config, steps=steps),
        ranks=ranks,
        in_hand=objects,
        refreshes=refreshes_of(net, batches, config, frozen, share),
        frozen=frozen,
        parts=parts,
        parts_images=population_of(batches, config, share) if config.norm_mode == "recalibrate" else None,
        average_images=population_of(batches, config, share) if config.ema_buffers == "recalibrate" else None,
        kept=place_to_keep(net, config, len(val)),
    )


def _images(config: TrainConfig, source: Source, ranks: Ranks) -> tuple[Split, Split]:
    """Return the images to train on, and those that are held out."""
    with one_per_machine_first(ranks):
        images = source.load("train")
    train, val = data.split_off_validation(images, config.val_fraction, config.seed)
    if len(train) < 2:
        raise InputError(
            argument="val_fraction",
            expected="at least 2 training images to be left",
            got=str(len(train)),
            cure="Hold fewer out.",
        )
    return train, val


def _card(config: TrainConfig, arguments: dict[str, Any], source: Source, normalization: Normalization) -> ModelCard:
    """Say what the net is, and which images it takes."""
    return ModelCard(
        model=config.model,
        arguments=arguments,
        classes=source.info.classes,
        in_channels=source.info.in_channels,
        image_size=as_image_size(*source.info.image_shape[1:]),
        normalization=normalization,
        data=source.info.name,
        moments=config.moments,
        fit="crop" if isinstance(source, FolderSource) else "pad",
    )


def _net(config: TrainConfig, model: nn.Module | str | None, source: Source) -> tuple[nn.Module, dict[str, Any]]:
    """Return the net and, beside the data's, the arguments with which it can be built again."""
    if isinstance(model, nn.Module):
        return model, {}
    arguments: dict[str, Any] = {
        "norm": config.norm,
        "activation": config.activation,
        "norm_place": config.norm_place,
        **config.model_args,
    }
    info = source.info
    net = build(
        model or config.model,
        num_classes=len(info.classes),
        in_channels=info.in_channels,
        image_size=as_image_size(*info.image_shape[1:]),
        **{**arguments, "norm": OwnNorm(config.norm) if names_own_norm(config.norm) else config.norm},
    )
    return net, arguments
