"""Adaptation at test time: the running statistics mixed with those of the batch that is evaluated."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._moments import Moments
from ._checks import checked_number
from ._source import BATCH, Normalizer, Source, State, running


@dataclass(frozen=True)
class Blend(Source):
    """In evaluation the running statistics mixed with the batch's; in training as batch norm.

        E[x] = (1 - alpha) * running_mean + alpha * own.mean
        E[x**2] = (1 - alpha) * (running_var + running_mean**2) + alpha * (own.var + own.mean**2)
        x_hat = (x - E[x]) / sqrt(E[x**2] - E[x]**2 + eps)

    For images that are not like those of the training (another camera, weather, noise): `alpha` is the weight of the
    batch. The variance is computed in the equal form `(1 - alpha) * running_var + alpha * own.var + alpha * (1 - alpha)
    * (own.mean - running_mean)**2`, which does not cancel. Nothing moves the running statistics in evaluation. The
    gradient passes through the batch's moments.

    Args:
        alpha: from 0, the running statistics, to 1, the batch's.

    Raises:
        TypeError: `alpha` is no number.
        ValueError: it is below 0 or above 1.

    Example:
        >>> from batchnorm.functional import batch_norm
        >>> x, mean, var = torch.tensor([[0.0], [2.0]]), torch.tensor([1.0]), torch.tensor([4.0])
        >>> batch_norm(x, mean, var, moments=Blend(1.0)).flatten()
        tensor([-1.0000,  1.0000])

    Source: Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", 2020,
    section 3, with alpha = n / (N + n).
    """

    alpha: float

    name = "blend"
    reads_running = True
    tracks = False

    def __post_init__(self) -> None:
        expected, cure = "the weight of the batch, a number from 0 to 1", "0 is the running statistics, 1 the batch."
        alpha = checked_number("Blend", "alpha", self.alpha, 0, expected, cure, 1)
        object.__setattr__(self, "alpha", alpha)

    def at(self, *, training: bool) -> Source:
        """The batch in training, this mixture in evaluation."""
        return BATCH if training else self

    def normalizer(self, own: Moments, state: State, eps: float) -> Normalizer:
        """The mixture."""
        mean, var = self.mixture(own, state)
        return Normalizer(mean, torch.rsqrt(var + eps))

    def mixture(self, own: Moments, state: State) -> tuple[Tensor, Tensor]:
        """Its mean and variance."""
        mean, var = running(state)
        delta = own.mean - mean
        var = (1 - self.alpha) * var + self.alpha * own.var + self.alpha * (1 - self.alpha) * delta.square()
        return mean + self.alpha * delta, var

    def tracked(self, own: Moments) -> None:
        """Nothing, in evaluation."""
