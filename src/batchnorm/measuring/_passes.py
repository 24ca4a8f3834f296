"""How is one pass over the data run, and measured by all ranks together?"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import torch

from ..calls import MODULUS, Call, fingerprint_of
from ..errors import ForPython, InputError
from ..norms import BY_OPERATOR, Habits, Norm
from ..ranks import Ranks, exchange
from ..transaction import RNGState, Transaction, rng_state, same_rng, transaction
from ._batches import Batches
from ._known_code import may_be_left
from ._layout import Layout
from ._measured import Measured, merge
from ._meter import Behind, Meter
from ._question import Question
from ._tally import Tally

HALF = 1 << 32


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass came to: of all ranks together, but for the seconds and the meter, which are this process's.

    `draws`: whether the model drew random numbers, where that was asked for. `hashing_seconds`: those of `seconds` that
    the first pass took for the samples' fingerprint while nothing else ran.
    """

    number: int
    measured: Measured
    samples: int
    batches: int
    draws: bool
    calls: list[int]
    single_calls: list[int]
    fingerprint: str
    alike: list[tuple[int, int]]
    seconds: float
    hashing_seconds: float
    meter: Meter


class Passes:
    """Runs passes over the same data, each from the same random state, and numbers them from 1.

    `heard`: is told of each batch which it was, of how many, if that is known, and in which pass. `watches_chance`:
    find out in the first pass whether the model draws random numbers.
    """

    def __init__(
        self,
        change: Transaction,
        norms: Sequence[Norm],
        habits: Sequence[Habits],
        batches: Batches,
        ranks: Ranks,
        rng: RNGState,
        heard: Callable[[int, int | None, int], object],
    ) -> None:
        self.change, self.norms, self.habits, self.batches, self.ranks = change, norms, habits, batches, ranks
        by_operator = any(habit.reads == BY_OPERATOR for habit in habits)  # which comes behind the norm's call
        self.may_stop = batches.is_plain and not by_operator and may_be_left(change.module)
        self.layout = Layout(norms)
        self._heard = heard
        self.done = 0
        self.first_batch: Call | None = None
        self.rng = rng
        self.watches_chance = self._draws = False
        self._hashing_seconds = 0.0
        self._writes: bool | None = None
        self._total = batches.total

    def run(self, question: Question) -> Pass:
        """Ask it while all batches are read once. The samples' fingerprint is taken in the first pass alone.

        What the model keeps from batch to batch (a hidden state, a counter) is put back at the end, so that every pass
        begins with the same. Code that is known keeps nothing, and need not wait for that.

        Raises:
            InputError: the input of a norm cannot be measured; no rank got a batch.
        """
        device = self.norms[0].mean.device
        device = device if device.type != "mps" else torch.device("cpu")  # mps has no float64
        meter = Meter(self.norms, self.habits, self.layout, device, question)
        self.done += 1
        start = time.perf_counter()
        again = nullcontext(self.change) if self.may_stop else transaction(self.change.module)
        with again as change:
            handles = [
                change.on_input(module, meter.hook(index), with_kwargs=True)
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

    def whole_first_batch(self) -> Call:
        """The first batch of the loader, as it is, read again."""
        return next(iter(self.batches)).to(self.batches.device)

    def samples_again(self) -> tuple[int, str]:
        """Read the loader once more, without the model, all ranks together: how many samples, and their fingerprint."""
        tally, seen = Tally(), 0
        with same_rng(self.rng):
            for given in self.batches:
                tally.add(given)
                seen += fingerprint_of(given)
        samples, prints = zip(*exchange(self.ranks, (tally.samples, seen)), strict=True)
        return sum(samples), f"{sum(prints) % MODULUS:016x}"

    def _read(self, meter: Meter) -> tuple[int, int, int]:
        batches = seen = 0
        tally = Tally()
        for number, given in enumerate(self.batches, 1):
            batch = given.to(self.batches.device)
            moved = all(now is not before for now, before in zip(batch.tensors, given.tensors, strict=True))
            self.first_batch = self.first_batch or batch.cut(2)
            if self.done == 1 and not moved:  # the model may write into it
                start = time.perf_counter()
                seen += fingerprint_of(given)
                self._hashing_seconds += time.perf_counter() - start
            meter.begin(number)
            self._run(batch, meter)
            meter.returned()
            if self.done == 1 and moved:  # while the device is at work
                seen += fingerprint_of(given)
            meter.end()
            tally.add(given)
            batches = number
            self._heard(number, self._total, self.done)
        self._total = batches
        return tally.samples, batches, seen % MODULUS

    def _run(self, batch: Call, meter: Meter) -> None:
        ask = self.watches_chance and self.done == 1 and not self._draws
        before = rng_state([self.batches.device], self.batches.generators) if ask else None
        with suppress(Behind), meter.mode(), self._how_called(batch), self._kept(batch) as given:
            given.run(self.change.module)
        if before is not None:
            self._draws = before.has_moved()

    @contextmanager
    def _kept(self, batch: Call) -> Iterator[Call]:
        """What the model is to be given: a copy, if it writes into its batches, which the first one shows."""
        given = batch.copied() if self._writes in (None, True) else batch
        before = given.versions
        yield given
        self._writes = self._writes or given.versions != before

    @contextmanager
    def _how_called(self, batch: Call) -> Iterator[None]:
        """Say with what the model was called, where that may be why it raised."""
        try:
            yield
        except (TypeError, AttributeError, LookupError) as error:
            if self.batches.is_plain:
                given = [type(one).__name__ for one in batch.args]
                given += [f"{name}={type(one).__name__}" for name, one in batch.kwargs.items()]
                error.add_note(
                    f"{self.batches.verb} called model({', '.join(given)}). If it is to be called otherwise with "
                    "a batch, say how: forward_fn=lambda model, batch: ..."
                )
            raise

    def _together(self, meter: Meter, counted: tuple[int, int, int], start: float) -> Pass:
        samples, batches, seen = counted
        head = [samples, batches, *divmod(seen, HALF), int(self._draws), *meter.calls, *meter.single_calls]
        vectors = self.ranks.gather(torch.cat([torch.tensor(head, dtype=torch.float64), meter.collector.vector()]))
        if len({len(vector) for vector in vectors}) > 1:
            raise InputError(argument="model", expected="the same model on every rank", got="norms of other sizes")
        heads = [[int(value) for value in vector[: len(head)].tolist()] for vector in vectors]
        prints = [(high * HALF + low, one[0]) for one in heads for high, low in [one[2:4]]]
        sums = [sum(column) for column in zip(*heads, strict=True)]
        if not sums[1]:
            raise InputError(
                argument="loader",
                expected="at least one batch",
                got="none",
                cure=ForPython(
                    "Is its data set empty, or smaller than a batch with drop_last=True? A generator is used up after "
                    "one pass.",
                    otherwise="Is the data set empty?",
                ),
            )
        size = len(self.norms)
        return Pass(
            number=self.done,
            measured=merge([vector[len(head) :] for vector in vectors]),
            samples=sums[0],
            batches=sums[1],
            draws=sums[4] > 0,
            calls=sums[5 : 5 + size],
            single_calls=sums[5 + size :],
            fingerprint=f"{sum(one for one, _ in prints) % MODULUS:016x}",
            alike=[(a, b) for b in range(len(prints)) for a in range(b) if prints[a] == prints[b] and prints[a][1]],
            seconds=time.perf_counter() - start,
            hashing_seconds=self._hashing_seconds,
            meter=meter,
        )
