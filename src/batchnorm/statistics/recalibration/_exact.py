"""The moving front: norms are settled level by level, each under the statistics that evaluation will use below it."""

import math

import torch

from ...errors import RefusedError, Sentence, Setting
from ...measuring import Pass, Passes, Question, distance
from ._average import begin
from ._depths import Level
from ._options import RecalibrationOptions
from ._outcome import Outcome, round_of, who_was_called, worst
from ._plan import Plan, plan
from ._repeats import REPEATS, check_repeats
from ._state import State

ATTEMPTS = 30
"""Rounds for norms that read from their own output."""
_PARTIAL = Setting("keep_partial", True)


def exact(passes: Passes, state: State, outcome: Outcome, options: RecalibrationOptions) -> None:
    """Write the moments of each norm's input over all data, where all data are normalized by what is written below."""
    front = _Front(passes, state, outcome, options)
    front.begin()
    front.settle(front.plan.levels[0 if front.plan.levels[0].loops else 1 :])
    front.certify()
    if front.wrong() and front.may_go_on():
        front.one_after_the_other()
    if front.wrong() and front.may_go_on(together=True) and front.repeats():
        front.until_at_rest()
    front.finish()


class _Front:
    """The levels that are settled, and those that are ahead."""

    plan: Plan
    first: Pass
    certified: Pass

    def __init__(self, passes: Passes, state: State, outcome: Outcome, options: RecalibrationOptions) -> None:
        self.passes, self.state, self.outcome, self.options = passes, state, outcome, options
        self.settled: list[int] = []
        self.steady = False

    def begin(self) -> None:
        """Run the first pass, ask for the depths, and settle what has no norm below."""
        everyone = range(len(self.passes.norms))
        self.passes.watches_chance = True
        self.first = self.passes.run(Question(everyone, checked=everyone, by_batch=True))
        self.called = who_was_called(self.passes, self.outcome, self.first)
        begin(self.passes, self.state, self.outcome, self.first, self.called)
        # Before anything is written: a norm that took its own statistics goes on with them.
        self.state.put_back(self.called)
        usable = self.state.fits(self.first.measured, self.called)
        self.state.write(self.first.measured, usable)
        self.averaged = {norm for norm in usable if not self.first.single_calls[norm]}
        self._note_single()
        self.plan = plan(self.passes, self.first, self.called)
        for note in self.plan.notes:
            self.outcome.note(note)
        if not self.plan.levels[0].loops:
            self.state.write(self.first.measured, self.plan.levels[0].norms)
            self.settled += self.plan.levels[0].norms

    def settle(self, levels: list[Level]) -> None:
        """Run one round for each level, as long as rounds are left.

        Raises:
            RefusedError: more rounds are needed than are allowed; the loader does not repeat.
        """
        self._announce(levels)
        for level in levels:
            if not self._settle_one(level):
                return
            self.settled += [norm for norm in level.norms if norm not in self.settled]

    def certify(self) -> None:
        """Measure once more, with all that is written."""
        stop = self.plan.stop(tuple(self.called))
        done = self.passes.run(Question(self.called, stop=stop, expected=self.plan.order))
        self._check_repeats(done)
        self.residual = self.state.residual(done.measured)
        self.outcome.last = self.certified = done
        self.outcome.rounds.append(round_of(self.passes, done, "certificate", None, self.called, self.residual))
        self.proven = self.state.settled(done.measured, self.options.tolerance)

    def wrong(self) -> list[int]:
        """The norms that were settled, and are not."""
        return [norm for norm in self.settled if not self.proven[norm]]

    def may_go_on(self, *, together: bool = False) -> bool:
        """Whether another order could help, or to settle several `together`, and rounds are left for it."""
        out = not self._rounds_left() and (self.options.keep_partial or together)
        return not (out or self._in_a_loop() or (self.plan.one_by_one and not together))

    def one_after_the_other(self) -> None:
        """Go on from the first norm that is wrong, as if each read from all before it, and certify again."""
        wrong = self.wrong()
        self.plan = self.plan.sequential()
        place = min(place for place, level in enumerate(self.plan.levels) if level.norms[0] in wrong)
        self.outcome.note(
            f"{self._names(wrong)}: one forward did not show all that their inputs depend on; settled one "
            "after the other instead",
        )
        self.settled = [norm for level in self.plan.levels[:place] for norm in level.norms]
        self.settle(self.plan.levels[place:])
        self.certify()

    def repeats(self) -> bool:
        """Whether the model computes the same once more; else nothing can be settled."""
        again = self.passes.run(Question(self.called))
        before, now = (done.measured.stored("biased") for done in (self.certified, again))
        apart = torch.cat([*distance(before, now, self.state.eps)])
        self.steady = bool((apart.nan_to_num() <= REPEATS).all())
        return self.steady

    def until_at_rest(self) -> None:
        """Settle what is wrong together: what the model keeps from batch to batch can lead back to a norm itself."""
        wrong = self.wrong()
        place = min(place for place, level in enumerate(self.plan.levels) if {*level.norms} & {*wrong})
        self.plan = self.plan.together(place)
        self.settled = [norm for level in self.plan.levels[:place] for norm in level.norms]
        self.outcome.note(
            f"{self._names(wrong)}: the input depends on the norm's own statistics, through what the model keeps from "
            "batch to batch; settled in several rounds",
        )
        self.settle(self.plan.levels[place:])
        self.certify()

    def finish(self) -> None:
        """Say how deep the statistics are exact.

        Raises:
            RefusedError: what was settled does not hold, and nothing partial is to be kept.
        """
        wrong = self.wrong()
        if wrong and not self.options.keep_partial:
            raise self._not_settled(wrong)
        outcome = self.outcome
        outcome.depths = self.plan.depth()
        for norm in self.called:
            if norm in self.settled:
                outcome.states[norm] = "exact" if self.proven[norm] else "unsettled"
            elif norm in self.averaged:
                outcome.states[norm] = "average"
            else:
                outcome.skipped[self.passes.norms[norm].name] = "not reached before the rounds ran out"
        outcome.written = [norm for norm in self.called if norm in outcome.states]

    def _in_a_loop(self) -> bool:
        """Whether a norm that is wrong reads from its own output."""
        looping = {norm for level in self.plan.levels if level.loops for norm in level.norms}
        return bool(looping & {*self.wrong()})

    def _rounds_left(self) -> bool:
        """Whether there may be one more round and the certificate behind it."""
        return self.options.max_rounds is None or self.passes.done + 2 <= self.options.max_rounds

    def _settle_one(self, level: Level) -> bool:
        for _ in range(ATTEMPTS if level.loops else 1):
            if not self._rounds_left():
                self._out_of_rounds()
                return False
            if self._round(level):
                break
        return True

    def _round(self, level: Level) -> bool:
        """Collect and write one level; whether it was right before."""
        probe = self._probe()
        stop = self.plan.stop((*level.norms, *probe))
        question = Question((*level.norms, *probe), checked=level.norms, stop=stop, expected=self.plan.order)
        done = self.passes.run(question)
        self._check_repeats(done)
        residual = self.state.residual(done.measured)
        right = self.state.settled(done.measured, self.options.tolerance / 10)
        self.state.write(done.measured, level.norms)
        self.outcome.rounds.append(round_of(self.passes, done, "front", level.depth, level.norms, residual))
        return all(right[norm] for norm in level.norms)

    def _probe(self) -> list[int]:
        """The norm that is called first and depends on no statistics."""
        lowest = self.plan.levels[0]
        return [norm for norm in self.plan.calls[:1] if norm in lowest.norms and not lowest.loops]

    def _check_repeats(self, done: Pass) -> None:
        check_repeats(self.passes, self.first, done, self._probe(), self.state.eps)

    def _announce(self, levels: list[Level]) -> None:
        needed = self.passes.done + len(levels) + 1
        allowed = self.options.max_rounds
        if allowed is not None and needed > allowed and not self.options.keep_partial:
            raise RefusedError(
                argument="max_rounds",
                expected=f"at least {needed} for this model",
                got=str(allowed),
                cure=("Allow more, or pass ", _PARTIAL, " for statistics that are exact as far down as they get."),
            )
        rest = self.first.seconds - self.first.hashing_seconds - self.first.meter.forward_seconds
        seconds = self.first.seconds - self.first.hashing_seconds
        for level in levels:
            stop = self.plan.stop((*level.norms, *self._probe()))
            seconds += rest + self.first.meter.seconds_until(stop)
        rounds = needed - self.passes.done if allowed is None else min(needed, allowed) - self.passes.done
        self.outcome.watcher.planned(rounds, seconds)

    def _out_of_rounds(self) -> None:
        if not self.options.keep_partial:
            raise RefusedError(
                argument="max_rounds",
                expected="enough rounds to settle all norms",
                got=f"{self.options.max_rounds}, in which {len(self.settled)} of {len(self.called)} were settled",
                cure=("Allow more, or pass ", _PARTIAL, "."),
            )
        limit = Setting("max_rounds", self.options.max_rounds)
        self.outcome.note(Sentence(limit, " reached: kept what is settled so far"))

    def _note_single(self) -> None:
        single = [norm for norm in self.called if self.first.single_calls[norm]]
        if single:
            self.outcome.note(
                f"batches had one value per channel for {self._names(single)}: there the first round took the "
                "statistics it had",
            )

    def _names(self, norms: list[int]) -> str:
        return ", ".join(self.passes.norms[norm].name for norm in norms[:3]) + (" ..." if len(norms) > 3 else "")

    def _not_settled(self, wrong: list[int]) -> RefusedError:
        largest = [max(pair) for pair in zip(*map(self.passes.layout.largest, self.residual), strict=True)]
        norm = max(wrong, key=lambda one: math.inf if math.isnan(largest[one]) else largest[one])
        why = (
            "its input depends on its own statistics and does not come to rest"
            if self._in_a_loop() or self.steady
            else "the model does not compute the same again on the same data"
        )
        return RefusedError(
            expected=f"residuals of at most {self.options.tolerance:g} after the last round",
            got=f"{worst(largest, [norm]):.1e} for {self.passes.norms[norm].name}: {why}",
            cure=(
                "Pass a larger ",
                Setting("tolerance"),
                ", pass ",
                _PARTIAL,
                ", or use ",
                Setting("method", "average"),
                ".",
            ),
        )
