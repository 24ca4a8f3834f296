"""What have the forwards since the last update of a norm come to? Kept as tensors, so that nothing is read back."""

import torch
from torch import nn

from ...functional import Moments
from ...nn import Gatherer, Verdict, tracking_of
from ...norms import Norm


def is_replica(module: object) -> bool:
    """Whether a module is one of those that DataParallel makes of a model for one forward."""
    return bool(getattr(module, "_is_replica", False))


class Forwards:
    """Whether a forward of the whole model is under way, and the windows that are to hear of its end."""

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.depth = 0

    def begin(self) -> None:
        """A forward of the model begins, perhaps inside another."""
        self.depth += 1

    def end(self, *, counts: bool) -> None:
        """It has ended: the norms that it has called have one call more."""
        if not self.depth:
            return  # it never began, for a hook for all modules, which come first, has raised
        self.depth -= 1
        if counts and not self.depth:
            for window in self.windows:
                window.close()


class Window(Gatherer):
    """The moments of one norm's batches, and in how many forwards they were; it moves the norm once for every `steps`.

    `called` is 1 from the first call of a forward to the forward's end.
    """

    def __init__(self, norm: Norm, steps: int, forwards: Forwards) -> None:
        self._layer, self._steps, self._forwards = norm.modules[0], steps, forwards
        zero = torch.zeros((), dtype=torch.int64, device=norm.mean.device)
        wide = torch.zeros_like(norm.mean, dtype=torch.float32 if norm.mean.device.type == "mps" else torch.float64)
        self.mean, self.var, self.count = wide, wide.clone(), zero
        self.calls, self.called = zero.clone(), zero.clone()
        forwards.windows.append(self)

    @torch.no_grad()
    def gather(self, layer: nn.Module, own: Moments, called: Verdict) -> None:
        """Merge the moments of a call; of DataParallel's replicas the first alone has statistics that stay."""
        home = self._layer.running_mean.device
        if is_replica(layer) and own.mean.device != home:
            return
        if self.calls.device != own.mean.device:  # the model has moved
            for name in ("mean", "var", "count", "calls", "called"):
                setattr(self, name, getattr(self, name).to(own.mean.device))
        merged = self._moments().merge(own)
        self.mean.copy_(merged.mean)
        self.var.copy_(merged.var)
        self.count.copy_(torch.as_tensor(merged.count))
        self.called.logical_or_(torch.as_tensor(called, device=self.called.device))
        if not self._forwards.depth:
            self.close()

    @torch.no_grad()
    def close(self) -> None:
        """One call more, if this forward has called the norm, and the update if that makes it `steps`."""
        self.calls.add_(self.called)
        self.called.zero_()
        full = self.calls >= self._steps
        self._deliver(self._moments()._replace(count=self.count * full))
        for kept in (self.mean, self.var, self.count, self.calls):
            kept.copy_(torch.where(full, 0, kept))

    @torch.no_grad()
    def finish(self) -> None:
        """Move the norm by what is there, however many forwards that was."""
        self._deliver(self._moments())

    def _moments(self) -> Moments:
        return Moments(self.mean, self.var, self.count)

    def _deliver(self, gathered: Moments) -> None:
        tracking = tracking_of(self._layer)
        if tracking is not None:
            tracking.deliver(self._layer, self, gathered)
