"""Is a call of a layer to run on copies of its running statistics, and what of them is kept?"""

from typing import Any, Literal

import torch
from torch import Tensor

from batchnorm.functional import BATCH, Moments, Source, check_counter, gathers, inside_transform

from ._first_run import Beginning, recall, remember
from ._recomputing import is_recomputing
from ._tracking import Moved, Tracking, Verdict, bare
from ._uncounted import uncounted


def trial_of(layer: Any, x: Tensor, running_mean: Tensor | None) -> "Trial | None":
    """Copies for a call in training to move, where the layer's statistics may have to stay as they are.

    Args:
        layer: one that keeps running statistics, in training.
        x: what it is given.
        running_mean: what it holds; None if that has been taken away.
    """
    tracking, recomputing = layer.__dict__.get("_tracking"), layer.checkpoint_safe and is_recomputing()
    if tracking is not None and tracking.only_lasts and not torch.compiler.is_compiling():
        tracking = None  # all that it could say is what has been asked
    source = layer.__dict__.get("_source")
    reads = _reads_running(layer) and not torch.compiler.is_compiling()
    if not (tracking or recomputing or reads) or running_mean is None:
        return None
    if source is not None and not source.at(training=True).tracks:
        return None
    with uncounted():
        began = recall(layer, x) if recomputing and reads else None
        if reads:
            remember(layer, x, began or Beginning(running_mean, layer.running_var, layer.num_batches_tracked))
        return Trial(layer, tracking, began, recomputing=recomputing) if tracking or recomputing else None


def _reads_running(layer: Any) -> bool:
    """Whether the running statistics have a part in what normalizes a batch in training."""
    source = layer.__dict__.get("_source")
    return source is not None and source.reads_running


class Trial:
    """One call of a layer on copies of its running statistics, and what of it is kept."""

    def __init__(
        self, layer: Any, tracking: Tracking | None, began: Beginning | None = None, *, recomputing: bool
    ) -> None:
        self._layer, self._tracking, self._recomputing = layer, tracking, recomputing
        self._kept: tuple[Any, Any] = (layer.running_mean, layer.running_var)
        self.mean, self.var = (values.detach().clone() for values in (began[:2] if began else self._kept))
        self.counter = began.counter if began else layer.num_batches_tracked
        self.gathers = tracking is not None and tracking.gathers and not recomputing
        self._writes = layer.momentum != 0
        self.momentum = layer.momentum
        if self.gathers or not self._writes:  # the moments themselves: to gather them, or to judge what 0 would hide
            self.momentum = 1.0
            if not began and not _reads_running(layer):
                self.mean.zero_()  # so that NaN in the statistics does not reach the moments
                self.var.zero_()
        if tracking is not None and tracking.lets_none and inside_transform():
            self.momentum = 0.0  # copies that are no part of the transform could not be moved

    def settle(self, counter: Tensor | None, x: Tensor, mask: object) -> None:
        """Write what the policies let pass of a batch, and count it."""
        verdict: Verdict = False
        with uncounted():
            if self._tracking is not None and not self._recomputing:
                verdict = self._tracking.judge(self._layer, self._moved(x, mask))
            if verdict is not False:
                if counter is not None:
                    check_counter(counter)
                self._write(verdict)
            elif counter is not None:
                counter = counter.clone()
        if counter is not None:  # also where nothing counts: a call of the layer does the same operators in any case
            counter.add_(1 if isinstance(verdict, bool) else verdict)

    def _moved(self, x: Tensor, mask: object) -> Moved:
        given = self._layer.__dict__.get("_source")
        source = BATCH if given is None else given.at(training=True)
        count = _values(x, mask)
        if self.gathers and gathers(source):
            with torch.no_grad():
                count = source.gathered(Moments.empty(0, device=x.device)._replace(count=count)).count
        found = Moved(self.mean, self.var, count)
        of_x = self.gathers and mask is None and type(source).tracked is Source.tracked and not gathers(source)
        return found.as_read_from(x) if of_x else found

    def _write(self, verdict: Tensor | Literal[True]) -> None:
        """By way of `.data`: the graph of an earlier call may keep the statistics, which in training are not read."""
        with torch.no_grad():
            for kept, moved in zip(self._kept, (self.mean, self.var), strict=True) if self._writes else ():
                bare(kept).copy_(moved if verdict is True else torch.where(verdict, moved, kept))


def _values(x: Tensor, mask: object) -> int | Tensor:
    """How many values of each channel a batch has, of which a mask tells those that are valid."""
    return mask.sum() if isinstance(mask, Tensor) else x.numel() // max(x.shape[1], 1)
