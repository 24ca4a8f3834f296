"""Full-batch normalization: training by the moments of the whole training set."""

import math
from dataclasses import dataclass

from ...errors import InputError
from .._moments import Moments
from ._renorm import Renorm
from ._source import RUNNING, Normalizer, Source, State

GRADIENTS = ("batch", "none")
_WITHOUT_LIMITS = Renorm(math.inf, math.inf, warmup=0)


@dataclass(frozen=True)
class Population(Source):
    """In training, as in evaluation, the moments of the whole data set, which somebody measures now and then.

        x_hat = (x - running_mean) / sqrt(running_var + eps)

    The running statistics are taken for the population's: measure them by `batchnorm.recalibrate` before the first step
    and again every few steps, for they age as the weights change; `batchnorm train --moments population` does so. No
    batch moves them.

    gradient="batch": the numbers of the population with the gradient of batch norm, in which the moments move with the
    batch: batch renormalization without limits. gradient="none": the moments are constants. A training may then diverge
    between two measurements, since nothing keeps the weights from growing.

    Args:
        gradient: "batch" or "none".

    Raises:
        ValueError: another word.

    Example:
        >>> import torch
        >>> from batchnorm.functional import batch_norm
        >>> x, mean, var = torch.tensor([[0.0], [2.0]]), torch.tensor([1.0]), torch.tensor([4.0])
        >>> batch_norm(x, mean, var, training=True, moments=Population()).flatten()
        tensor([-0.5000,  0.5000])
        >>> mean, var  # nothing has moved
        (tensor([1.]), tensor([4.]))

    Source: Ioffe, "Batch Renormalization", 2017, section 3 (r and d without limits); Lian and Liu, "Revisit Batch
    Normalization: New Understanding and Refinement via Composition Optimization", 2019 (full normalization).
    """

    gradient: str = "batch"

    name = "population"
    reads_running = True
    tracks = False

    def __post_init__(self) -> None:
        if self.gradient not in GRADIENTS:
            raise InputError(
                verb="Population",
                argument="gradient",
                expected="'batch' or 'none'",
                got=repr(self.gradient)[:100],
                cure="The usual one is 'batch', by which the moments move with the batch.",
            )

    def at(self, *, training: bool) -> Source:
        """The running statistics, as constants, wherever no gradient is to pass through moments."""
        return self if training and self.gradient == "batch" else RUNNING

    def normalizer(self, own: Moments, state: State, eps: float) -> Normalizer:
        """The population's numbers, which the batch's moments move."""
        return _WITHOUT_LIMITS.normalizer(own, state, eps)

    def tracked(self, own: Moments) -> None:
        """Nothing: a batch is not the population."""
