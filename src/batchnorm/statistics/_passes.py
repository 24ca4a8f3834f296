"""How is one pass over the data run, and measured by all ranks together?"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch

from ..transaction import RNGState, Transaction, same_rng
from ._batches import Batch, Batches
from ._fingerprint import MODULUS, fingerprint
from ._layout import Layout
from ._measured import Measured, merge
from ._meter import Behind, Meter
from ._norms import Norm
from ._ranks import Ranks
from ._watcher import RecalibrationWatcher

HALF = 1 << 32


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass came to: of all ranks together, but for the seconds and the meter, which are this process's."""

    number: int
    measured: Measured
    samples: int
    batches: int
    calls: list[int]
    single_calls: list[int]
    fingerprint: str
    alike: list[tuple[int, int]]
    seconds: float
    meter: Meter


class Passes:
    """Runs passes over the same data, each from the same random state, and numbers them from 1."""

    def __init__(
        self,
        change: Transaction,
        norms: Sequence[Norm],
        batches: Batches,
        ranks: Ranks,
        rng: RNGState,
        watcher: RecalibrationWatcher,
    ) -> None:
        self.change, self.norms, self.batches, self.ranks = change, norms, batches, ranks
        self.layout = Layout(norms)
        self.watcher = watcher
        self.done = 0
        self.first_batch: Batch | None = None
        self.rng = rng
        self._total = batches.total

    def meter(
        self,
        measured: Sequence[int],
        *,
        checked: Sequence[int] = (),
        by_batch: bool = False,
        single: bool = False,
        stop: int | None = None,
        expected: Sequence[int] = (),
    ) -> Meter:
        """Make the meter of a pass; the arguments are its own."""
        device = self.norms[0].mean.device
        return Meter(
            self.norms,
            self.layout,
            device if device.type != "mps" else torch.device("cpu"),  # which has no float64
            measured=measured,
            checked=checked,
            by_batch=by_batch,
            single=single,
            stop=stop,
            expected=expected,
        )

    def run(self, meter: Meter) -> Pass:
        """Read all batches once. The samples' fingerprint is taken in the first pass alone.

        Raises:
            ValueError: what `Meter` refuses; no rank got a batch.
        """
        self.done += 1
        start = time.perf_counter()
        handles = [
            self.change.on_input(module, meter.hook(index), with_kwargs=True)
            for index, norm in enumerate(self.norms)
            for module in norm.modules
        ]
        try:
            with same_rng(self.rng):
                counted = self._read(meter)
        finally:
            for handle in handles:
                handle.remove()
        return self._together(meter, counted, start)

    def _read(self, meter: Meter) -> tuple[int, int, int]:
        samples = batches = seen = 0
        for number, given in enumerate(self.batches, 1):
            batch = given.to(self.batches.device)
            moved = batch is not given
            self.first_batch = self.first_batch or batch.cut(2)
            if self.done == 1 and not moved:  # the model may write into it
                seen += fingerprint(given.tensors, given.samples)
            meter.begin(number)
            with suppress(Behind):
                batch.run(self.change.module)
            meter.returned()
            if self.done == 1 and moved:  # while the device is at work
                seen += fingerprint(given.tensors, given.samples)
            meter.end()
            samples, batches = samples + batch.samples, number
            self.watcher.batch(number, self._total, self.done)
        self._total = batches
        return samples, batches, seen

    def _together(self, meter: Meter, counted: tuple[int, int, int], start: float) -> Pass:
        samples, batches, seen = counted
        head = [samples, batches, *divmod(seen, HALF), *meter.calls, *meter.single_calls]
        vectors = self.ranks.gather(torch.cat([torch.tensor(head, dtype=torch.float64), meter.collector.vector()]))
        if len({len(vector) for vector in vectors}) > 1:
            raise ValueError("recalibrate: expected the same model on every rank, got norms of other sizes.")
        heads = [[int(value) for value in vector[: len(head)].tolist()] for vector in vectors]
        prints = [(high * HALF + low, one[0]) for one in heads for high, low in [one[2:4]]]
        sums = [sum(column) for column in zip(*heads, strict=True)]
        if not sums[1]:
            raise ValueError(
                "recalibrate: expected at least one batch, got none from the loader. Is its data set empty, or "
                "smaller than a batch with drop_last=True? A generator is used up after one pass."
            )
        size = len(self.norms)
        return Pass(
            number=self.done,
            measured=merge([vector[len(head) :] for vector in vectors]),
            samples=sums[0],
            batches=sums[1],
            calls=sums[4 : 4 + size],
            single_calls=sums[4 + size :],
            fingerprint=f"{sum(one for one, _ in prints) % MODULUS:016x}",
            alike=[(a, b) for b in range(len(prints)) for a in range(b) if prints[a] == prints[b] and prints[a][1]],
            seconds=time.perf_counter() - start,
            meter=meter,
        )
