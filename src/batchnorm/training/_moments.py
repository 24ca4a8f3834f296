"""Whose moments do the layers of a net train by, and what of it might its user not expect?"""

from collections.abc import Collection, Iterator

from torch import nn

from ..errors import ForPython, InputError, RefusedError, Sentence, Setting
from ..functional import Ghost, Population, Renorm, Source, as_source
from ..models import file_may_name
from ..nn import set_moments
from ..norms import is_norm
from ..runs import TrainConfig
from ..transaction import original
from ._frozen_parts import frozen_at_first

DEFAULT = "batch"
"""Leaves an own net the sources that it came with."""


def take_moments(net: nn.Module, config: TrainConfig) -> None:
    """Set the source of moments that was asked for in all layers.

    Raises:
        InputError: no layer of `net` takes one, or one of them not this one.
    """
    if config.moments == DEFAULT:
        return
    try:
        taken = set_moments(net, config.moments)
    except RefusedError as error:
        raise InputError.of(error.fault) from error
    if taken:
        return
    own = ForPython(", or build the net with the layers of batchnorm.nn")
    raise InputError(
        f"{config.moments!r} was asked for, but the net has no batch norm of this package (norm: {config.norm!r})",
        argument="moments",
        cure=(
            ("Use ", Setting("moments", DEFAULT), ", or a norm of this package.")
            if file_may_name(config.model)
            else ("Use ", Setting("moments", DEFAULT), own, ".")
        ),
    )


def sources_of(net: nn.Module, *, without: Collection[str] = ()) -> Iterator[Source | None]:
    """Give the source of each batch norm in a net but those of these names; `None` for one of another package."""
    for name, module in original(net)[0].named_modules():
        if is_norm(module) and name not in without:
            source = getattr(module, "moments", None)
            yield source if isinstance(source, Source) else None


def reads_population(net: nn.Module, *, without: Collection[str] = ()) -> bool:
    """Whether a layer trains by statistics that somebody has to measure; those of these names are not asked."""
    return any(isinstance(source, Population) for source in sources_of(net, without=without))


def fewest_images(net: nn.Module, config: TrainConfig) -> int:
    """Return of how few images a batch is that shows whether a net can train: two, three if each is to be a slice.

    Of two, the second slice joins the first where it has no variance of its own; of three, the first one has none.
    """
    alone = any(isinstance(source, Ghost) and source.size == 1 for source in sources_of(net))
    return 3 if alone and config.batch_size > 2 else 2


def notes_on_moments(net: nn.Module, config: TrainConfig, steps: int, images: int) -> Iterator[Sentence]:
    """Yield what a training of so many steps, whose norms see so many images of a batch, may not do as expected."""
    sources, moving = [*sources_of(net)], sources_of(net, without=frozen_at_first(net, config))
    others = sources.count(None)
    if config.moments != DEFAULT and others:
        yield Sentence(
            f"{others} of {len(sources)} norm layers are not of this package: they train by the batch's own moments"
        )
    if images == 1 and not (sources and all(isinstance(source, Population) for source in moving)):
        whose = "" if config.batch_size == 1 else f" in each process, {config.batch_size} in all"
        yield Sentence(
            f"batch size 1{whose}: every image is normalized by its own statistics; expect a poor evaluation"
        )
    yield from _notes_on_source(as_source(config.moments), config, steps, images)


def _notes_on_source(source: Source, config: TrainConfig, steps: int, images: int) -> Iterator[Sentence]:
    if isinstance(source, Ghost) and source.size >= images:
        whose = "a batch" if images == config.batch_size else "a process's part of a batch"
        yield Sentence(f"{whose} of {images} is one slice of {config.moments!r}: this is plain batch norm")
    if isinstance(source, Renorm) and source.warmup > steps:
        sooner = Renorm(source.r_max, source.d_max, max(1, steps // 2))
        yield Sentence(
            f"the limits of {config.moments!r} widen over {source.warmup:,} steps, and this training has {steps:,}: at "
            f"its end they are {steps / source.warmup:.0%} of their way; ",
            Setting("moments", str(sooner)),
            " widens them in half of it",
        )
