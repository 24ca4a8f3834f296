"""What happens when a norm is called during a pass: what is read, what is written, and where does the pass stop?"""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..functional import exact_moments
from ..norms import BY_OPERATOR, Habits, Norm, Normalizers, valid_places
from ._collect import Collector
from ._layout import Layout
from ._question import Question
from ._refusals import exchanged, single, unfit, unheard, wrong_shape

MANY = 2
"""More than one order of calls is as good as any number."""


class Behind(BaseException):
    """Leaves a forward behind the last norm that the pass is about; no `except Exception` on the way stops it."""


class Meter:
    """Hooks for the inputs of all norms, for one pass in evaluation mode.

    `orders`: of the norms' calls, each that a batch had. `seconds`: until each call, summed over the batches;
    `returned_seconds`: until the forwards returned; `forward_seconds`: until the device had done with them, what was
    done meanwhile included. `habits`: how each norm reads.
    """

    def __init__(
        self,
        norms: Sequence[Norm],
        habits: Sequence[Habits],
        layout: Layout,
        device: torch.device,
        question: Question,
    ) -> None:
        self.collector = Collector(layout, device)
        self.orders: list[tuple[int, ...]] = []
        self.calls = [0] * len(norms)
        self.single_calls = [0] * len(norms)
        self.seconds: list[float] = []
        self.returned_seconds = self.forward_seconds = 0.0
        self._norms, self._habits, self._layout = norms, habits, layout
        self._by_operator = {norm for norm, habit in enumerate(habits) if habit.reads == BY_OPERATOR}
        self._measured, self._checked = set(question.measured), set(question.checked)
        self._question, self._stop = question, question.stop
        self._limit = _largest(norms, layout).to(device)
        self.begin(0)

    def begin(self, number: int) -> None:
        """Begin a batch; batches are counted from 1."""
        self.number = number
        self._order: list[int] = []
        self._waiting: set[int] = set()
        self._trusted: int | None = None
        self._start = time.perf_counter()
        self.collector.begin()

    def returned(self) -> None:
        """Note that the forward has returned; a device may still be at work on it."""
        self.returned_seconds += time.perf_counter() - self._start

    def seconds_until(self, call: int | None) -> float:
        """About how long the forwards took as far as a call, if the device kept pace; None: to their end."""
        if call is None or call >= len(self.seconds):
            return self.forward_seconds
        return self.forward_seconds * self.seconds[call] / self.returned_seconds

    def end(self) -> None:
        """Finish a batch.

        Raises:
            InputError: the input of a norm that is checked was not finite, or a norm did not do as it was seen to.
        """
        if self._waiting:
            raise unheard(self._norms[min(self._waiting)], self.number)
        self.collector.end()
        if self._checked:
            self._check_finite()
        self.forward_seconds += time.perf_counter() - self._start
        if (order := tuple(self._order)) not in self.orders and len(self.orders) < MANY:
            self.orders.append(order)

    def hook(self, norm: int) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        """What is to be called before each forward of the norm."""

        def called(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            call = self._count(norm)
            self._check_buffers(norm, module)
            if norm in self._by_operator:
                self._wait_for_operator(norm)
            elif norm in self._measured:
                self._read(norm, valid_places(module, args, kwargs))
            self._pass(call)

        return called

    def mode(self) -> contextlib.AbstractContextManager[object]:
        """What has to be in force during a forward, for the norms whose operator is to be asked."""
        return Normalizers(self._heard) if self._by_operator else contextlib.nullcontext()

    def _wait_for_operator(self, norm: int) -> None:
        """Raise if no operator has normalized by the norm's statistics since its last call; there has to be one now."""
        if norm in self._waiting:
            raise unheard(self._norms[norm], self.number)
        self._waiting.add(norm)

    def _heard(self, x: Tensor, given: set[int]) -> None:
        """Read what an operator is about to normalize by the statistics of a norm."""
        for norm in self._by_operator:
            if self._norms[norm].mean.data_ptr() in given:
                if norm not in self._order:  # its module is not called, or later
                    self._pass(self._count(norm))
                self._waiting.discard(norm)
                if norm in self._measured:
                    self._read(norm, x)

    def _count(self, norm: int) -> int:
        call = len(self._order)
        self._order.append(norm)
        self.calls[norm] += 1
        return call

    def _pass(self, call: int) -> None:
        if call == len(self.seconds):
            self.seconds.append(0.0)
        self.seconds[call] += time.perf_counter() - self._start
        if self._stop is None:
            return
        if self._order[call] != self._question.expected[call]:
            self._stop = None  # for the rest of the pass: where the order changes, no call is the last one
        elif call == self._stop:
            raise Behind

    def _read(self, norm: int, x: object) -> None:
        moments = exact_moments(self._checked_shape(norm, x))
        self.collector.add(norm, moments)
        if not self._question.by_batch:
            return
        if moments.count == 1:
            self._leave(norm)
        elif moments.count:
            self._norms[norm].mean.copy_(moments.mean)
            self._norms[norm].var.copy_(moments.var)

    def _checked_shape(self, norm: int, x: object) -> Tensor:
        channels, axis = len(self._norms[norm].mean), self._habits[norm].reads
        axis = axis if isinstance(axis, int) else 1
        if isinstance(x, Tensor) and x.dim() > max(1, axis) and x.shape[axis] == channels:
            return x.movedim(axis, 1)
        raise wrong_shape(self._norms[norm], x, self.number)

    def _check_buffers(self, norm: int, module: nn.Module) -> None:
        """Raise where a norm is called with other statistics than its own."""
        if self._norms[norm].held_by(module)[0] is not self._norms[norm].mean:
            raise exchanged(self._norms[norm], self.number)

    def _leave(self, norm: int) -> None:
        """Let the norm take the statistics that it has: the old ones, or those of the batch before."""
        if self._question.refuse_single is not None:
            raise single(self._norms[norm], self.number, self._question.refuse_single)
        if self._trusted is None:
            self._trusted = len(self._order)
        self.single_calls[norm] += 1

    def _check_finite(self) -> None:
        fits = self.collector.batch.abs() <= self._limit
        if fits.all():
            return
        good = self._layout.all_of(fits.all(0))
        # What comes behind a norm with other statistics may overflow; it is measured again later.
        for norm in self._order[: self._trusted]:
            if norm in self._checked and not good[norm]:
                finite = self.collector.batch[:, self._layout.slices[norm]].isfinite().all()
                raise unfit(self._norms[norm], self.number, finite=bool(finite))


def _largest(norms: Sequence[Norm], layout: Layout) -> Tensor:
    """The largest number that each norm's buffers can hold."""
    return layout.per_channel([min(torch.finfo(of.dtype).max for of in (norm.mean, norm.var)) for norm in norms])
