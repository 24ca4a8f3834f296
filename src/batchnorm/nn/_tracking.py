"""Do a layer's statistics move with this batch, and by what? Asked of whoever has laid a policy on the layer.

A batch moves copies of the buffers, and the policies say what of that is kept. They never read a tensor back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Module

from batchnorm.functional import HALF_TYPES, Moments, batch_moments, cumulative_momentum, update_running_stats

from ._nothing import nothing

Verdict = bool | Tensor
"""Whether a batch counts: known, or one value of bool on the layer's device."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a batch has done to the copies, and of how many values per channel it was.

    Where a policy gathers, mean and variance are the batch's own: the copies have moved with a momentum of 1.
    """

    mean: Tensor
    var: Tensor
    count: int | Tensor

    def as_read_from(self, x: Tensor | None) -> "Moved":
        """The moments of `x` itself where the copies are of a half type, in which a variance may not have a number."""
        if self.mean.dtype not in HALF_TYPES or x is None:
            return self
        own = batch_moments(x.detach())
        return Moved(own.mean, own.unbiased_var, self.count)

    def own(self) -> Moments:
        """The moments of the batch, in float64 where the device has it, with the biased variance."""
        dtype = torch.float32 if self.mean.device.type == "mps" else torch.float64
        count = self.count if isinstance(self.count, Tensor) else torch.tensor(self.count, device=self.mean.device)
        return Moments(self.mean.to(dtype), self.var.to(dtype) * ((count - 1).to(dtype) / count.to(dtype)), count)


class Policy(ABC):
    """Whether what a batch has done to a layer's statistics is kept."""

    lasting: ClassVar[bool] = False
    """Whether copies of the layer have it, too; it says whether there is a batch at all."""
    lets_none: ClassVar[bool] = False
    """Whether no batch ever counts."""

    @abstractmethod
    def lets(self, moved: Moved) -> Verdict:
        """Whether a batch counts."""


class Gatherer(ABC):
    """Keeps the moments of batches, and moves a layer by several of them together when it is time."""

    @abstractmethod
    def gather(self, layer: Module, own: Moments, called: Verdict) -> None:
        """Take moments in, those of a batch or what another has gathered; nothing where their count is 0.

        `called`: whether that is one call of the layer.
        """


class Tracking:
    """The policies on a layer, in the order in which their blocks were entered. A copy has those that last.

    First every policy has a say in whether the batch counts, in whatever order; then the innermost gatherer has it,
    which passes on what it has gathered to the next one.
    """

    def __init__(self, policies: Sequence[Policy | Gatherer]) -> None:
        self.policies = tuple(policies)
        self._gatherers = tuple(policy for policy in self.policies if isinstance(policy, Gatherer))
        others = [policy for policy in self.policies if isinstance(policy, Policy)]
        self._lasting = tuple(policy for policy in others if policy.lasting)
        self._filters = tuple(policy for policy in others if not policy.lasting)
        self.gathers, self.lasts = bool(self._gatherers), bool(self._lasting)
        self.only_lasts = len(self._lasting) == len(self.policies)
        self.lets_none = any(policy.lets_none for policy in others)

    def __reduce__(self) -> tuple[Callable[..., "Tracking | None"], tuple[Any, ...]]:
        return (Tracking, (self._lasting,)) if self._lasting else (nothing, ())

    def judge(self, layer: Module, moved: Moved) -> Verdict:
        """Whether what a batch has done to the copies is to be kept."""
        happened = _all(self._lasting, moved, verdict=True)
        verdict = _all(self._filters, moved, happened)
        if verdict is False or not self.gathers:
            return verdict
        own = moved.own()
        self._gatherers[-1].gather(layer, own._replace(count=torch.mul(own.count, verdict)), happened)
        return False

    def deliver(self, layer: Module, source: Gatherer, gathered: Moments) -> None:
        """Move a layer by what one of its policies has gathered, or hand that on to the policy around it."""
        outer = self._gatherers[: self._gatherers.index(source)] if source in self._gatherers else None
        if outer:
            outer[-1].gather(layer, gathered, called=gathered.count > 0)
        elif outer is not None:
            _move(layer, gathered)


def _all(policies: tuple[Policy, ...], moved: Moved, verdict: Verdict) -> Verdict:
    for policy in policies:
        if verdict is not False:
            said = policy.lets(moved)
            verdict = said if verdict is True or said is False else verdict & said
    return verdict


def tracking_of(layer: Module) -> Tracking | None:
    """The policies on a layer."""
    found: Tracking | None = layer.__dict__.get("_tracking")
    return found


def bare(buffer: Tensor) -> Tensor:
    """A buffer to be written to past the graphs that keep it; inside a transform of torch.func itself."""
    compiling = torch.compiler.is_compiling()
    return buffer if not compiling and torch._C._functorch.is_functorch_wrapped_tensor(buffer) else buffer.data


def _move(layer: Any, gathered: Moments) -> None:
    """Move a layer's statistics by moments of one batch or many; by nothing for a count of 0, which is not read back.

    By way of `.data`: a graph may keep the buffers of others' layers for its backward, which does not read them.
    """
    if layer.running_mean is None or layer.running_var is None:
        return
    mean, var, counter = bare(layer.running_mean), bare(layer.running_var), getattr(layer, "num_batches_tracked", None)
    momentum = layer.momentum
    if momentum is None:
        momentum = 0.0 if counter is None else cumulative_momentum(counter, mean)
    update_running_stats(mean, var, gathered, momentum)
    if counter is not None:
        bare(counter).add_(gathered.count > 0)
