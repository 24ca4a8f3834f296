"""Whose moments does a layer normalize by? Its attribute `moments`: checked when it is set, and no state."""

from torch.nn import Module

from batchnorm.functional import BATCH, Source, as_source

from ..errors import RefusedError


class MomentsOf:
    """The attribute `moments` of a layer: a source, which may be given as its text.

    What it keeps, `_source` in `__dict__`, is None for the batch: then nothing is asked in a call, and TorchScript,
    which reads every attribute, finds none that it has no type for.
    """

    def __get__(self, layer: Module | None, owner: type[Module] | None = None) -> Source:
        if layer is None:
            raise AttributeError(f"type object {getattr(owner, '__name__', owner)!r} has no attribute 'moments'")
        return given_to(layer) or BATCH

    def __set__(self, layer: Module, moments: Source | str | None) -> None:
        source = as_source(moments)
        check_moments(layer, source)
        give_source(layer, source.of_layer())


def given_to(layer: Module) -> Source | None:
    """The source that a layer was given; None for the batch, and in a layer of an older pickle."""
    source: Source | None = layer.__dict__.get("_source")
    return source


def give_source(layer: Module, source: Source) -> None:
    """Give a layer a source, for whoever knows that the layer can take it."""
    layer.__dict__["_source"] = None if source is BATCH else source


def check_moments(layer: Module, source: Source) -> None:
    """Refuse a source that a layer cannot take.

    Raises:
        RefusedError: one that reads running statistics, of a layer that has none; one with a mask, of a layer with a
            residual or a pool.
    """
    step = getattr(layer, "own_step", None)
    if source.takes_mask and step is not None:
        raise RefusedError(
            verb=type(layer).__name__,
            problem=f"moments={str(source)!r} cannot be combined with {step}, which would mix valid places and padding",
            cure="Take a BatchNorm2d without that step, and write it behind the layer.",
        )
    if source.reads_running and not getattr(layer, "track_running_stats", True):
        raise RefusedError(
            verb=type(layer).__name__,
            problem=f"moments={str(source)!r} reads the running statistics, and this layer has none",
            cure="Pass track_running_stats=True, or take another source of moments.",
        )
