"""One pass in which every norm normalizes by the batch: the moments of all batches, merged."""

from ...errors import ForPython, Setting
from ...measuring import Pass, Passes, Question
from ._outcome import Outcome, round_of, who_was_called
from ._state import State

_SINGLE = (
    "Use larger batches, ",
    ForPython("drop a short last one (drop_last=True), "),
    "or use ",
    Setting("method", "exact"),
    ", which takes any batch size.",
)
"""What to do where a batch has one value per channel."""


def average(passes: Passes, state: State, outcome: Outcome) -> None:
    """Write the population statistics of each norm's input, where every batch is normalized by its own below."""
    everyone = range(len(passes.norms))
    first = passes.run(Question(everyone, checked=everyone, by_batch=True, refuse_single=_SINGLE))
    called = who_was_called(passes, outcome, first)
    begin(passes, state, outcome, first, called)
    state.write(first.measured, called)
    outcome.written = called
    outcome.states = dict.fromkeys(called, "average")


def begin(passes: Passes, state: State, outcome: Outcome, first: Pass, called: list[int]) -> None:
    """Note what the first pass came to, while nothing is written yet."""
    outcome.first = first
    outcome.rounds.append(round_of(passes, first, "average", None, called, state.drift_to(first.measured)))
    for a, b in first.alike:
        outcome.note(f"ranks {a} and {b} read the same samples: give each rank its own share")
