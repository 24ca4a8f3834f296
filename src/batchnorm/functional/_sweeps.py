"""By whose moments do the kernels normalize? The batch's, given ones, slices', or what a source makes of the batch's.

Each is a way over memory and back, with the steps of `_plain` around it; `x_hat` writes it out in torch, for the second
derivative.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from ..kernels import Affine, Back, Behind, Face, cpu
from ._moments import Moments, batch_moments
from ._steps import normalize, standardize
from .sources import Source, State


class Steps(NamedTuple):
    """What follows once there are moments: parameters, and the steps behind them, as the kernels know them."""

    weight: Tensor | None
    bias: Tensor | None
    residual: Tensor | None
    eps: float
    activation: str
    pool: bool

    @property
    def rules(self) -> "Rules":
        """What of it is no tensor."""
        return Rules(self.eps, self.activation, self.residual is not None, self.pool)


class Rules(NamedTuple):
    """The steps without their tensors, which a way back needs."""

    eps: float
    activation: str
    add: bool
    pool: bool

    @property
    def behind(self) -> Behind:
        """What is behind the affine step."""
        return Behind(self.activation, self.add, self.pool)


class Saved(NamedTuple):
    """The tensors that the way back needs: x, which the layer before has kept as its output, and little else."""

    x: Tensor
    mean: Tensor
    var: Tensor
    weight: Tensor | None
    bias: Tensor | None
    masks: Tensor


class Sweeps(Protocol):
    """A way over memory: x to y, and back."""

    def forward(self, x: Tensor, steps: Steps) -> cpu.Outputs:
        """The output, the moments that `backward` needs, and masks."""

    def backward(self, dy: Tensor, saved: Saved, rules: Rules) -> cpu.Gradients:
        """The gradients of x, weight, bias and residual."""

    def x_hat(self, x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
        """What is in front of weight and bias, by operators of torch that it can differentiate."""


class ByBatch(NamedTuple):
    """By the moments of the batch, which move the running ones on the way, if there are any."""

    running: cpu.Running | None = None

    def forward(self, x: Tensor, steps: Steps) -> cpu.Outputs:
        """In one go."""
        weight, bias, residual, eps, activation, pool = steps
        return cpu.forward(x, None, weight, bias, eps, activation, residual, self.running, pool=pool)

    def backward(self, dy: Tensor, saved: Saved, rules: Rules) -> cpu.Gradients:
        """In one go."""
        eps, activation, add, pool = rules
        return cpu.backward(dy, *saved, eps, activation, add, True, pool=pool)

    def x_hat(self, x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
        """By moments that depend on x."""
        own = batch_moments(x)
        return normalize(x, own.mean, own.var, eps)


class ByGiven(NamedTuple):
    """By a mean and a variance that are constants."""

    mean: Tensor
    var: Tensor

    def forward(self, x: Tensor, steps: Steps) -> cpu.Outputs:
        """In one go."""
        weight, bias, residual, eps, activation, pool = steps
        return cpu.forward(x, (self.mean, self.var), weight, bias, eps, activation, residual, pool=pool)

    def backward(self, dy: Tensor, saved: Saved, rules: Rules) -> cpu.Gradients:
        """In one go."""
        eps, activation, add, pool = rules
        return cpu.backward(dy, *saved, eps, activation, add, False, pool=pool)

    def x_hat(self, x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
        """By what was used, for a buffer may have moved since."""
        return normalize(x, mean.to(x.dtype), var.to(x.dtype), eps)


class AsTheyAre:
    """By no moments: weight is the scale, and bias the shift."""

    def forward(self, x: Tensor, steps: Steps) -> cpu.Outputs:
        """In one go."""
        y, masks = cpu.apply(x, Affine(None, steps.weight, steps.bias), steps.rules.behind, steps.residual)
        nothing = x.new_empty(0, dtype=torch.float64)
        return cpu.Outputs(y, nothing, nothing, masks)

    def backward(self, dy: Tensor, saved: Saved, rules: Rules) -> cpu.Gradients:
        """The sums and the gradient."""
        affine, bits = Affine(None, saved.weight, saved.bias), saved.masks if rules.add or rules.pool else None
        sums = cpu.sums(dy, saved.x, affine, rules.behind, bits)
        dx, _ = cpu.apply_back(dy, saved.x, affine, None, rules.behind, bits)
        return cpu.Gradients(dx, sums.dy_x, sums.dy, saved.x.new_empty(0))

    def x_hat(self, x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
        """The input itself."""
        return x


class BySlices:
    """Every slice by its own moments; mean and var have a row for each."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = sizes
        self.own: list[Moments] = []

    def forward(self, x: Tensor, steps: Steps) -> cpu.Outputs:
        """One slice after the other, into one output."""
        weight, bias, residual, eps, activation, pool = steps
        found = cpu.forward_slices(x, self.sizes, weight, bias, eps, activation, residual, pool=pool)
        inner = _count(x) // x.shape[0]
        each = zip(found.mean, found.var, self.sizes, strict=True)
        self.own = [Moments(mean, var, size * inner) for mean, var, size in each]
        return found

    def backward(self, dy: Tensor, saved: Saved, rules: Rules) -> cpu.Gradients:
        """One slice after the other."""
        x, mean, var, weight, bias, masks = saved
        eps, activation, add, pool = rules
        return cpu.backward_slices(dy, x, self.sizes, mean, var, weight, bias, masks, eps, activation, add, pool=pool)

    def x_hat(self, x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
        """Each by moments that depend on it."""
        parts = [(part, batch_moments(part)) for part in torch.split(x, list(self.sizes))]
        return torch.cat([normalize(part, own.mean, own.var, eps) for part, own in parts])


class BySource:
    """By what a source makes of the batch's moments: two sweeps each way, and (C,) numbers between them.

    What the sums of the gradient bring back to the moments is the derivative of `normalizer`, which torch takes.
    """

    def __init__(self, x: Tensor, source: Source, state: State, eps: float, kernels: Face) -> None:
        self.source, self.state, self.kernels = source, state, kernels
        differentiated = torch.is_grad_enabled() and x.requires_grad
        mean, var = (one.requires_grad_(differentiated) for one in kernels.moments(x.detach()))
        self.own = Moments(mean, var, _count(x))
        with _no_hooks():
            self.gathered = source.gathered(self.own)
            self.given = source.normalizer(self.gathered, state, eps)

    @property
    def asked(self) -> bool:
        """Whether there is a way back to the moments, which another process may ask for."""
        return self.given.mean.requires_grad or self.given.invstd.requires_grad

    def forward(self, x: Tensor, steps: Steps) -> cpu.Outputs:
        """The output, by what the source has made of the moments."""
        affine = self._affine(steps.weight, steps.bias)
        y, masks = self.kernels.apply(x, affine, steps.rules.behind, steps.residual)
        return cpu.Outputs(y, self.own.mean.detach(), self.own.var.detach(), masks)

    def backward(self, dy: Tensor, saved: Saved, rules: Rules) -> cpu.Gradients:
        """The sums, what comes back of them, the gradient."""
        x, mean, _, weight, bias, masks = saved
        affine, masks_or_none = self._affine(weight, bias), masks if rules.add or rules.pool else None
        sums = self.kernels.sums(dy, x, affine, rules.behind, masks_or_none)
        center, invstd = self._numbers()
        wide = 1.0 if weight is None else weight.double()
        back = self._back(-invstd * wide * sums.dy, wide * sums.dy_x, center - mean, _count(x))
        dx, dresidual = self.kernels.apply_back(dy, x, affine, back, rules.behind, masks_or_none)
        return cpu.Gradients(dx, invstd * sums.dy_x, sums.dy, x.new_empty(0) if dresidual is None else dresidual)

    def x_hat(self, x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
        """By moments that depend on x."""
        own = self.source.gathered(batch_moments(x))
        return standardize(x, *self.source.normalizer(own, self.state, eps))

    def _numbers(self) -> tuple[Tensor, Tensor]:
        return self.given.mean.detach().double(), self.given.invstd.detach().double()

    def _affine(self, weight: Tensor | None, bias: Tensor | None) -> Affine:
        center, invstd = self._numbers()
        return Affine(center, invstd if weight is None else invstd * weight.detach(), bias)

    def _back(self, dmean: Tensor, dinvstd: Tensor, distance: Tensor, count: int) -> Back | None:
        """From the gradients of what normalizes to those of the moments, and from these to that of x."""
        given, own = self.given, self.own
        if not self.asked:
            return None
        pairs = [(one, d.to(one.dtype)) for one, d in zip(given, (dmean, dinvstd), strict=True) if one.requires_grad]
        outputs, gradients = zip(*pairs, strict=True)
        moments = (own.mean, own.var)
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            outputs, moments, gradients, retain_graph=True, allow_unused=True
        )
        of_mean, of_var = (torch.zeros_like(dmean) if d is None else d for d in found)
        of_x = of_var * (2 / count)
        return Back(of_x, of_mean / count + distance * of_x)


def _no_hooks() -> AbstractContextManager[object]:
    """Let a small graph save its tensors as they are, whatever hooks there are around the call.

    The way back through it is a pass of its own, for which activation checkpointing would run all that it has left out
    once more, for each layer.
    """
    allowed = torch._C._autograd._saved_tensors_hooks_is_enabled()  # type: ignore[attr-defined]  # torch's gap
    return saved_tensors_hooks(_as_it_is, _as_it_is) if allowed else nullcontext()


def _as_it_is(saved: Tensor) -> Tensor:
    return saved


def _count(x: Tensor) -> int:
    return x.numel() // x.shape[1]
