"""How long does each of several arms take, all under the same conditions? They run in turn, and the median counts."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ..records import Timing

METHOD = (
    "arms in turn, one call each a round, by time.perf_counter; before every call torch's threads read through a "
    "buffer of twice the last-level cache, and then the arm runs once on a small twin, for in a training loop the "
    "interpreter is not cold (torch.compile's does not: it would compile for it); what a call makes is freed "
    "before its clock stops; Python's garbage collector is off meanwhile"
)


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Arm:
    """One competitor: `prepare`, outside the clock, gives what `run` takes inside it.

    `rewarm` is called between the sweep and the clock: it brings back the code that `run` needs, and none of its data.
    """

    run: Callable[[Any], object]
    prepare: Callable[[], Any] = _nothing
    rewarm: Callable[[], object] = _nothing


def time_in_turn(
    arms: Mapping[str, Arm],
    *,
    rounds: int,
    warmup: int,
    sweep: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time `rounds` calls of every arm in the order A B A B, after `warmup` rounds that do not count.

    Args:
        arms: by their names.
        rounds: at least 1; under 7 the quartiles say little.
        warmup: compiling, loading and the first touch of memory belong here.
        sweep: called before every call, outside the clock: it takes out of the cache what the last call left there.
        clock: seconds.

    Example:
        >>> ticks = iter(range(100))
        >>> arms = {"a": Arm(lambda state: None)}
        >>> time_in_turn(arms, rounds=3, warmup=0, sweep=lambda: None, clock=lambda: next(ticks))["a"].median
        1000.0
    """
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    with _without_garbage_collection():
        for number in range(warmup + rounds):
            for name, arm in arms.items():
                state = arm.prepare()
                sweep()
                arm.rewarm()
                start = clock()
                arm.run(state)
                stop = clock()
                del state
                if number >= warmup:
                    seconds[name].append(stop - start)
    return {name: summarize(values) for name, values in seconds.items()}


def summarize(seconds: Sequence[float]) -> Timing:
    """Return median and quartiles in milliseconds, interpolated between the values, to the tenth of a microsecond.

    Example:
        >>> summarize([0.005, 0.001, 0.003, 0.002, 0.004])
        Timing(median=3.0, lower=2.0, upper=4.0, rounds=5)
    """
    milliseconds = [1000 * value for value in seconds]
    one = len(milliseconds) == 1
    quartiles = 3 * milliseconds if one else statistics.quantiles(milliseconds, n=4, method="inclusive")
    lower, median, upper = (round(value, 4) for value in quartiles)
    return Timing(median, lower, upper, len(milliseconds))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use that many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A collection in the middle of one arm's call would be counted for that arm."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
