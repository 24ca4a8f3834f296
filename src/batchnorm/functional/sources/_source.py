"""Whose moments normalize a batch? What a source of moments is asked, and what it answers."""

from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from .._channels import widen
from .._kept import as_it_was
from .._moments import Moments


class Normalizer(NamedTuple):
    """What each channel is normalized by: x_hat = (x - mean) * invstd; both (C,)."""

    mean: Tensor
    invstd: Tensor


class State(NamedTuple):
    """What a layer keeps, as it is before this batch: running statistics (C,) and counter, each None where missing."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    @classmethod
    def copied(cls, *kept: Tensor | None) -> "State":
        """Copies of the three, for the batch moves them."""
        return cls(*(None if values is None else as_it_was(values) for values in kept))


@dataclass(frozen=True)
class Source:
    """Whose moments normalize a batch, and which ones the running statistics see: how variants of batch norm differ.

        own = gathered(batch_moments(x))
        mean, invstd = normalizer(own, state, eps)
        y = affine((x - mean) * invstd, weight, bias)
        update_running_stats(running_mean, running_var, tracked(own), momentum)

    A source is a frozen description without state, which many layers may share; what has to be remembered are the
    running statistics and `num_batches_tracked` of the layer. Layers and functions take one as `moments=`, or its text,
    such as "ghost:32".

    A variant of your own is a frozen dataclass that inherits from this class, and answers `normalizer` and, where they
    differ, `tracked` and `at`. The gradient follows from `normalizer`: what it computes by torch's operators from
    `own.mean` and `own.var` is differentiated, and what it detaches is not.

    Example:
        >>> from dataclasses import dataclass
        >>> from batchnorm.functional import batch_norm
        >>> @dataclass(frozen=True)
        ... class OnlyCentered(Source):
        ...     def normalizer(self, own, state, eps):
        ...         return Normalizer(own.mean, torch.ones_like(own.mean))
        >>> batch_norm(torch.tensor([[1.0], [5.0]]), None, None, training=True, moments=OnlyCentered())
        tensor([[-2.],
                [ 2.]])
    """

    name: ClassVar[str] = ""
    """What its text begins with; empty for one that has no text."""
    takes_mask: ClassVar[bool] = False
    """Whether a call must be given a mask: then the moments are those of the valid places, the padding gets `fill`, an
    attribute of the source, and in evaluation the running statistics normalize, if `at` gives such a source there."""
    reads_running: ClassVar[bool] = False
    """Whether there must be running statistics."""
    lent: ClassVar[bool] = False
    """Whether a layer has it for a while, from somebody who will take it away again."""
    tracks: ClassVar[bool] = True
    """Whether a batch moves the running statistics at all, and so counts as one of `num_batches_tracked`."""

    def at(self, *, training: bool) -> "Source":
        """The source that answers in this mode: this one in training, the running statistics in evaluation."""
        return self if training else RUNNING

    def gathered(self, own: Moments) -> Moments:
        """The moments of the whole batch, where `own` are those of a part of it that this process has.

        Asked once a call, before the other two, which both are given the answer; and once more for a second derivative.
        """
        return own

    def normalizer(self, own: Moments, state: State, eps: float) -> Normalizer:
        """What normalizes, given the moments of the batch itself; a function of these arguments alone.

        For a second derivative it is asked once more, and must answer the same.

        Args:
            own: the moments of the batch, gathered, in float32 or wider.
            state: the layer's, before the batch moves it.
            eps: added to a variance inside the square root.
        """
        return Normalizer(own.mean, torch.rsqrt(own.var + eps))

    def tracked(self, own: Moments) -> Moments | None:
        """The moments that the running statistics move towards; None where they do not move."""
        return own

    def sizes(self, count: int, inner: int) -> tuple[int, ...]:
        """Into how many samples each a batch of `count` is cut, whose parts are normalized each by itself.

        Args:
            count: the samples of the batch, N.
            inner: the values that a sample has of a channel.
        """
        return (count,)

    def of_layer(self) -> "Source":
        """What a layer keeps that is given this source: itself, unless layers are to be told apart."""
        return self

    def __str__(self) -> str:
        """The text that `moments=` takes for this source, if it has one; a class inherits none, for it is another."""
        if not vars(type(self)).get("name"):
            return repr(self)
        values = [getattr(self, field.name) for field in fields(self)]
        for field in reversed(fields(self)):
            if values[-1] != field.default:
                break
            values.pop()
        return ":".join([self.name, ",".join(_plainly(value) for value in values)] if values else [self.name])


def _plainly(value: object) -> str:
    return "none" if value is None else str(value)


@dataclass(frozen=True)
class Batch(Source):
    """The moments of the batch in training, the running statistics in evaluation: batch norm as it was published.

    Example:
        >>> str(Batch())
        'batch'

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", 2015.
    """

    name = "batch"


@dataclass(frozen=True)
class Running(Source):
    """The running statistics, as constants; what most sources are in evaluation."""

    reads_running = True
    tracks = False

    def at(self, *, training: bool) -> Source:
        """The same in both modes, and the one object that calls know it by, of which a layer may hold a copy."""
        return RUNNING

    def normalizer(self, own: Moments, state: State, eps: float) -> Normalizer:
        """The running statistics."""
        mean, var = running(state)
        return Normalizer(mean, torch.rsqrt(var + eps))

    def tracked(self, own: Moments) -> None:
        """Nothing."""


BATCH, RUNNING = Batch(), Running()


def is_plain(source: Source) -> bool:
    """Whether the moments that a source is given normalize, and are tracked."""
    kind = type(source)
    return kind.normalizer is Source.normalizer and kind.tracked is Source.tracked and not gathers(source)


def gathers(source: object) -> bool:
    """Whether a batch is a part of one whose other values lie elsewhere."""
    return isinstance(source, Source) and type(source).gathered is not Source.gathered


def running(state: State) -> tuple[Tensor, Tensor]:
    """The running statistics, of which half types are widened: rounded to 8 bits the output would be.

    Raises:
        RuntimeError: there are none.
    """
    mean, var, _ = state
    if mean is None or var is None:
        raise RuntimeError(
            "batch_norm: expected running_mean and running_var, which the source of moments reads, got None. Pass both "
            "(a layer: track_running_stats=True), or take another source."
        )
    return widen(mean), widen(var)
