"""Which norms are to be written, and what is known of each?"""

from collections.abc import Sequence
from itertools import compress

import torch

from ...errors import InputError, Setting
from ...measuring import Batches
from ...norms import Habits, Norm, find_norms, habits_of, without_statistics
from ...ranks import Ranks, exchange
from ...transaction import RNGState, Transaction, same_rng
from ._outcome import Outcome


def choose(
    change: Transaction, batches: Batches, rng: RNGState, ranks: Ranks, outcome: Outcome, *, include_frozen: bool
) -> tuple[list[Norm], list[Habits]]:
    """The norms that are to be written, with their habits; the reasons of the others go into the outcome.

    Raises:
        InputError: there is none.
    """
    found = find_norms(change.module)
    outcome.skipped.update(dict.fromkeys(without_statistics(change.module), "it keeps no running statistics"))
    habits = _seen_by_all(change, found, batches, rng, ranks, outcome) if found else []
    for norm, habit in zip(found, habits, strict=True):
        if reason := _reason(habit, include_frozen=include_frozen):
            outcome.skipped[norm.name] = reason
    keep = [norm.name not in outcome.skipped for norm in found]
    if not any(keep):
        raise _none(outcome)
    return [*compress(found, keep)], [*compress(habits, keep)]


def _reason(habit: Habits, *, include_frozen: bool) -> str | None:
    return habit.unknown if include_frozen else habit.still or habit.unknown


def _seen_by_all(
    change: Transaction, norms: Sequence[Norm], batches: Batches, rng: RNGState, ranks: Ranks, outcome: Outcome
) -> list[Habits]:
    """What the first rank that has data sees: all of them are to write the same norms."""
    first = batches.begin(rng)
    everyone = [bool(vector.item()) for vector in ranks.gather(torch.tensor([first is not None], dtype=torch.float64))]
    # A norm that is synchronized waits for every rank: where one has no batch, nobody tries a forward by itself.
    call = first.to(batches.device) if first is not None and all(everyone) else None
    with same_rng(rng):
        habits, notes = habits_of(change, norms, call, alone=ranks.size == 1)
    told = exchange(ranks, [habits, notes])
    seen, notes = told[everyone.index(True) if any(everyone) else 0]
    outcome.early += notes
    return [Habits(**one) for one in seen]


def _none(outcome: Outcome) -> InputError:
    wanted = "a model with batch norms that have running statistics"
    named = "; ".join(f"{name}: {reason}" for name, reason in [*outcome.skipped.items()][:3])
    if not named:
        return InputError(argument="model", expected=wanted, got="none: there is nothing to recalibrate")
    return InputError(
        argument="model",
        expected=wanted,
        got=f"none that may be changed ({named})",
        cure=("To recalibrate frozen norms, pass ", Setting("include_frozen", True), "."),
    )
