"""Batch renormalization: a batch corrected towards the running statistics."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .._moments import Moments
from ._checks import checked_integer, checked_number
from ._source import Normalizer, Source, State, running


@dataclass(frozen=True)
class Renorm(Source):
    """In training the batch's moments, corrected towards the running statistics; in evaluation as batch norm.

        sigma_batch, sigma = sqrt(own.var + eps), sqrt(running_var + eps)
        r = clamp(sigma_batch / sigma, 1 / r_limit, r_limit)                  no gradient
        d = clamp((own.mean - running_mean) / sigma, -d_limit, d_limit)       no gradient
        x_hat = (x - own.mean) / sigma_batch * r + d
        part = clamp(num_batches_tracked / warmup, 0, 1)
        r_limit, d_limit = 1 + part * (r_max - 1), part * d_max

    The running statistics are read as they are stored, before the batch moves them; what they see is the batch itself.
    In the beginning, with limits of 1 and 0, this is batch norm; the limits have widened after `warmup` updates. With
    `warmup=0` they are full at once, and `num_batches_tracked` is not needed. Where activation checkpointing runs a
    layer twice, it reads the second time what it read the first time; calls of `batch_norm` itself cannot know.

    Args:
        r_max: how much the scale is corrected at most, at least 1; `inf` for no limit.
        d_max: how far the mean is moved at most, in standard deviations, at least 0; `inf` for no limit.
        warmup: the number of updates until the limits are full, at least 0.

    Raises:
        TypeError: no numbers; `warmup` no integer.
        ValueError: numbers below these.

    Example:
        >>> from batchnorm.functional import batch_norm
        >>> x, mean, var = torch.tensor([[0.0], [2.0]]), torch.tensor([1.0]), torch.tensor([4.0])
        >>> batch_norm(x, mean, var, training=True, moments=Renorm(warmup=0)).flatten()  # by a deviation of 2
        tensor([-0.5000,  0.5000])
        >>> str(Renorm(2.0, 1.0))
        'renorm:2.0,1.0'

    Source: Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models", 2017,
    algorithm 1 and section 4 (limits); here, as in torch, `running_var` is unbiased.
    """

    r_max: float = 3.0
    d_max: float = 5.0
    warmup: int = 5000

    name = "renorm"
    reads_running = True

    def __post_init__(self) -> None:
        updates = "a number of updates, an integer of at least 0"
        numbers = {
            "r_max": checked_number("Renorm", "r_max", self.r_max, 1, "a number of at least 1", _cure(3)),
            "d_max": checked_number("Renorm", "d_max", self.d_max, 0, "a number of at least 0", _cure(5)),
            "warmup": checked_integer("Renorm", "warmup", self.warmup, 0, updates, "0 is full limits at once."),
        }
        for name, number in numbers.items():
            object.__setattr__(self, name, number)

    def normalizer(self, own: Moments, state: State, eps: float) -> Normalizer:
        """The batch's moments, corrected."""
        mean, var = running(state)
        dtype = torch.promote_types(own.mean.dtype, mean.dtype)
        sigma_batch = torch.sqrt(own.var.to(dtype) + eps)
        with torch.no_grad():  # and detached, for forward mode asks nothing of no_grad
            sigma = torch.sqrt(var.to(dtype) + eps)
            r_limit, d_limit = self._limits(state.num_batches_tracked, dtype)
            r = _clamped(sigma_batch.detach() / sigma, 1 / r_limit, r_limit)
            d = _clamped((own.mean.detach() - mean) / sigma, -d_limit, d_limit)
        invstd = r / sigma_batch
        return Normalizer(own.mean - d / invstd, invstd)

    def _limits(self, tracked: Tensor | None, dtype: torch.dtype) -> tuple[float | Tensor, float | Tensor]:
        """How far the correction may go by now. The counter stays a tensor: to read it would wait for the device."""
        if not self.warmup:
            return float(self.r_max), float(self.d_max)
        if tracked is None:
            raise RuntimeError(
                f"batch_norm: expected num_batches_tracked, by which {self!r} widens its limits, got None. Pass the "
                "counter of updates, or take Renorm(warmup=0)."
            )
        part = torch.clamp(tracked.to(dtype) / self.warmup, max=1.0)
        return 1 + _share(part, self.r_max - 1), _share(part, self.d_max)


def _cure(usual: int) -> str:
    return f"The usual value is {usual}; inf is no limit."


def _clamped(values: Tensor, least: float | Tensor, most: float | Tensor) -> Tensor:
    return values.clamp(least, most)  # type: ignore[arg-type]  # two numbers or two tensors, which torch has apart


def _share(part: Tensor, limit: float) -> Tensor:
    """Of an infinite limit 0 at first, which 0 times infinity is not, and all of it from the first update on."""
    return (part * limit).nan_to_num(0.0, posinf=math.inf)
