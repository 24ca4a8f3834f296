"""Are arms timed in turn, each under the same conditions, and only what they do?"""

import gc
import weakref

import pytest
import torch

from batchnorm.bench import Arm, threads, time_in_turn
from batchnorm.bench._timing import summarize


class FakeWorld:
    """Time that only `spend` moves, and a diary of what happened."""

    def __init__(self) -> None:
        self.now = 0.0
        self.diary: list[str] = []

    def clock(self) -> float:
        self.diary.append("clock")
        return self.now

    def arm(self, name: str, *seconds: float) -> Arm:
        """An arm whose calls take these times, one after the other; preparing and rewarming take long."""
        durations = iter(seconds)

        def spend(state: object) -> None:
            self.diary.append(f"{name}({state})")
            self.now += next(durations)

        return Arm(spend, lambda: self.outside(f"prepare {name}"), lambda: self.outside(f"rewarm {name}"))

    def sweep(self) -> None:
        self.outside("sweep")

    def outside(self, what: str) -> str:
        self.diary.append(what)
        self.now += 1000.0
        return "state"


def test_arms_run_in_turn_and_each_call_is_prepared_swept_and_rewarmed_outside_the_clock() -> None:
    world = FakeWorld()
    arms = {"a": world.arm("a", 1, 1), "b": world.arm("b", 1, 1)}
    time_in_turn(arms, rounds=2, warmup=0, sweep=world.sweep, clock=world.clock)
    a, b = ([f"prepare {name}", "sweep", f"rewarm {name}", "clock", f"{name}(state)", "clock"] for name in ("a", "b"))
    assert world.diary == [*a, *b, *a, *b]


def test_the_median_and_the_quartiles_are_of_the_rounds_after_the_warm_up() -> None:
    world = FakeWorld()
    arms = {"a": world.arm("a", 99.0, 0.5, 0.25, 0.75, 1.0, 0.125), "b": world.arm("b", 77.0, 2, 2, 2, 2, 2)}
    timings = time_in_turn(arms, rounds=5, warmup=1, sweep=world.sweep, clock=world.clock)
    assert (timings["a"].lower, timings["a"].median, timings["a"].upper) == (250.0, 500.0, 750.0)
    assert (timings["b"].lower, timings["b"].median, timings["b"].upper) == (2000.0, 2000.0, 2000.0)
    assert timings["a"].rounds == 5


def test_quartiles_lie_between_the_values_where_their_number_does_not_divide() -> None:
    # Of 1 2 3 4 the median is 2.5; a quarter of the way from the least to the largest of three steps is 0.75 steps.
    timing = summarize([0.004, 0.001, 0.003, 0.002])
    assert (timing.lower, timing.median, timing.upper) == (1.75, 2.5, 3.25)


def test_one_round_is_its_own_median_and_quartiles() -> None:
    timing = summarize([0.004])
    assert (timing.lower, timing.median, timing.upper, timing.rounds) == (4.0, 4.0, 4.0, 1)


def test_what_a_call_makes_is_freed_before_its_clock_stops() -> None:
    made: list[weakref.ref[torch.Tensor]] = []

    def make(state: object) -> torch.Tensor:
        tensor = torch.zeros(3)
        made.append(weakref.ref(tensor))
        return tensor

    seen: list[bool] = []

    def clock() -> float:
        seen.extend(reference() is None for reference in made)
        return 0.0

    time_in_turn({"a": Arm(make)}, rounds=1, warmup=0, sweep=lambda: None, clock=clock)
    assert seen == [True]


def test_the_garbage_collector_rests_meanwhile_and_works_again_after_an_error() -> None:
    def fail(state: object) -> None:
        assert not gc.isenabled()
        raise RuntimeError("broken arm")

    assert gc.isenabled()
    with pytest.raises(RuntimeError, match="broken arm"):
        time_in_turn({"a": Arm(fail)}, rounds=1, warmup=0, sweep=lambda: None)
    assert gc.isenabled()


def test_a_garbage_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        time_in_turn({"a": Arm(lambda state: None)}, rounds=1, warmup=0, sweep=lambda: None)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_number_of_threads_is_put_back_after_an_error() -> None:
    before = torch.get_num_threads()

    def fail_inside() -> None:
        with threads(before + 1):
            raise RuntimeError(f"with {torch.get_num_threads() - before} more")

    with pytest.raises(RuntimeError, match="with 1 more"):
        fail_inside()
    assert torch.get_num_threads() == before
