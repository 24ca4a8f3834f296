"""What is stored in the norms' buffers: read, written, and compared with what was measured."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...errors import InputError
from ...measuring import Distance, Layout, Measured, Statistics, distance
from ...norms import Norm


class State:
    """The buffers of all norms, as vectors; `old` is what they held in the beginning.

    Args:
        variance: "unbiased" or "biased": which one the buffers hold.
    """

    def __init__(self, norms: Sequence[Norm], layout: Layout, variance: str) -> None:
        self._norms, self._layout, self._variance = norms, layout, variance
        self._old = [(norm.mean.clone(), norm.var.clone()) for norm in norms]
        self.eps = layout.per_channel([norm.eps for norm in norms])
        self.old = self.read()
        self._largest = layout.per_channel([torch.finfo(norm.var.dtype).max for norm in norms])

    def read(self) -> Statistics:
        """What the buffers hold, in float64 on the CPU."""
        return Statistics(
            torch.cat([norm.mean.double().cpu() for norm in self._norms]),
            torch.cat([norm.var.double().cpu() for norm in self._norms]),
        )

    def write(self, measured: Measured, norms: Iterable[int]) -> None:
        """Write what was measured, in place.

        Raises:
            InputError: all data together have one value per channel; or the numbers do not fit into the buffers.
        """
        found = measured.stored(self._variance)
        for index in norms:
            norm, part = self._norms[index], self._layout.slices[index]
            norm.mean.copy_(found.mean[part])
            norm.var.copy_(found.var[part])
            if not (norm.mean.isfinite().all() and norm.var.isfinite().all()):
                raise self._unfit(index, measured)

    def start_from(self, old: Tensor) -> None:
        """Let other numbers be those in the beginning: a vector of all means and then all variances."""
        self.old = Statistics(*old.view(2, -1).unbind())
        for norm, part, pair in zip(self._norms, self._layout.slices, self._old, strict=True):
            for buffer, saved, value in zip((norm.mean, norm.var), pair, self.old.on(part), strict=True):
                saved.copy_(value)
                buffer.copy_(value)

    def put_back(self, norms: Iterable[int]) -> None:
        """Write what was there in the beginning."""
        for index in norms:
            for buffer, old in zip((self._norms[index].mean, self._norms[index].var), self._old[index], strict=True):
                buffer.copy_(old)

    def fits(self, measured: Measured, norms: Iterable[int]) -> list[int]:
        """The norms for which something was measured that their buffers can hold."""
        found = measured.stored(self._variance)
        fits = self._layout.all_of((found.mean.abs() <= self._largest) & (found.var <= self._largest))
        return [index for index in norms if fits[index]]

    def residual(self, measured: Measured) -> Distance:
        """How far what is stored lies from what was measured."""
        return distance(measured.stored(self._variance), self.read(), self.eps)

    def drift_to(self, measured: Measured) -> Distance:
        """How far what was stored in the beginning lies from what was measured."""
        return distance(measured.stored(self._variance), self.old, self.eps)

    def drift(self) -> Distance:
        """How far what was stored in the beginning lies from what is stored now."""
        return distance(self.read(), self.old, self.eps)

    def settled(self, measured: Measured, tolerance: float) -> list[bool]:
        """For each norm whether the residual is within the tolerance and what rounding to the buffers' dtype costs."""
        residual, stored = self.residual(measured), self.read()
        unit = self._layout.per_channel([torch.finfo(norm.var.dtype).eps for norm in self._norms])
        least = self._layout.per_channel([torch.finfo(norm.var.dtype).smallest_normal for norm in self._norms])
        sigma2 = stored.var + self.eps
        mean = residual.mean <= tolerance + stored.mean.abs() * unit / sigma2.sqrt()
        var = residual.var <= tolerance + (stored.var * unit + least) / sigma2
        return self._layout.all_of(mean & var)

    def _unfit(self, index: int, measured: Measured) -> InputError:
        norm = self._norms[index]
        if torch.as_tensor(measured.moments.count)[self._layout.slices[index]].max() == 1:
            return InputError(
                expected="more than one value per channel in all of the data",
                got=f"one for {norm.name}, which has no variance",
                cure="Use more samples.",
            )
        dtype = str(norm.var.dtype).removeprefix("torch.")
        return InputError(
            expected=f"statistics that {dtype} can hold",
            got=f"larger ones for {norm.name}",
            cure="Keep the norms of the model in float32.",
        )
