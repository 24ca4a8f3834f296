"""What did each arm measure with each seed, and what follows for derived arms? Where nothing, why?"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..files import one_line
from ..records import BySeed, StudyRun
from ._claim import ByArm, Claim
from ._in_vain import searched_in_vain

CENSORED = " censored"
"""Behind a value's name: that of one which is 1 where the value is a lower bound, as of steps that never arrived."""

Numbers = Mapping[str, float | None]
Place = tuple[str, int]
"""An arm and a seed."""

Derive = Callable[[ByArm], ByArm]


@dataclass(frozen=True)
class Values:
    """What was measured.

    Attributes:
        numbers: by arm and seed, and then by name.
        lost: why an arm has no numbers of a seed.
        left_out: the arms of the claim that no seed was run with, as a small budget leaves some out.
        derived: the names of the arms that were derived.
        not_derived: why nothing was derived, by seed.
    """

    numbers: Mapping[Place, Numbers]
    lost: Mapping[Place, str]
    left_out: frozenset[str] = frozenset()
    derived: tuple[str, ...] = ()
    not_derived: Mapping[int, str] = field(default_factory=dict)

    def number(self, arm: str, seed: int, name: str) -> float | str:
        """Return a number, or why there is none."""
        if (arm, seed) not in self.numbers:
            return self.lost.get((arm, seed)) or self.not_derived.get(seed) or self._why_no(arm)
        numbers = self.numbers[arm, seed]
        if name not in numbers:
            return f"{name!r} of {arm!r} was not measured, only {', '.join(map(repr, numbers)) or 'nothing'}"
        number = numbers[name]
        return f"{name!r} of {arm!r} is not finite" if number is None else number

    def _why_no(self, arm: str) -> str:
        if arm in self.left_out:
            return f"{arm!r} is not run in this budget"
        return f"{arm!r} was neither run nor derived" if self.derived else f"{arm!r} was not run"

    def is_bound(self, arm: str, seed: int, name: str) -> bool:
        """Whether a number is only a lower bound."""
        return bool(self.numbers.get((arm, seed), {}).get(name + CENSORED))

    def of_derived(self, seeds: Sequence[int]) -> dict[str, dict[str, BySeed]]:
        """Return the values of the derived arms, a number for each seed."""
        return {arm: _by_name([self.numbers.get((arm, seed), {}) for seed in seeds]) for arm in self.derived}


def _by_name(numbers: Sequence[Numbers]) -> dict[str, BySeed]:
    names = dict.fromkeys(name for one in numbers for name in one)
    return {name: tuple(one.get(name) for one in numbers) for name in names}


def values_of(claim: Claim, runs: Sequence[StudyRun], seeds: Sequence[int]) -> Values:
    """Return what the runs of a claim have measured; those of a search have no part in it."""
    in_vain = searched_in_vain(claim, runs)
    counted = [run for run in runs if run.seed in seeds and not run.searching]
    lost = {(run.arm, run.seed): f"{run.arm!r} crashed" for run in counted if run.status == "crashed"}
    lost |= {(run.arm, run.seed): in_vain[run.arm] for run in counted if run.arm in in_vain}
    places = {(run.arm, run.seed): run for run in counted}
    numbers: dict[Place, Numbers] = {place: run.values for place, run in places.items() if place not in lost}
    arms = tuple(dict.fromkeys(run.arm for run in counted))
    left_out = frozenset(arm.name for arm in claim.arms) - set(arms)
    if claim.derive is None:
        return Values(numbers, lost, left_out)
    not_derived = {}
    for seed in seeds:
        made = _derived(claim.derive, {arm: numbers.get((arm, seed)) for arm in arms})
        if isinstance(made, str):
            not_derived[seed] = made
        else:
            numbers.update({(arm, seed): {**numbers.get((arm, seed), {}), **more} for arm, more in made.items()})
    derived = tuple(dict.fromkeys(arm for arm, _ in numbers if arm not in arms))
    return Values(numbers, lost, left_out, derived, not_derived)


def _derived(derive: Derive, by_arm: Mapping[str, Numbers | None]) -> dict[str, Numbers] | str:
    """What is derived of one seed; why nothing, where a run is missing: a range without it would be another."""
    there = {arm: _as_floats(numbers) for arm, numbers in by_arm.items() if numbers is not None}
    missing = [arm for arm in by_arm if arm not in there]
    if missing:
        return f"nothing was derived without {missing[0]!r}"
    try:
        return {str(arm): _as_numbers(more) for arm, more in derive(there).items()}
    except (Exception, SystemExit) as error:  # the code of a claim's author, which may raise anything
        return f"nothing was derived ({one_line(f'{type(error).__name__}: {error}', 200)})"


def _as_floats(numbers: Numbers) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in numbers.items()}


def _as_numbers(values: Mapping[str, float]) -> Numbers:
    return {str(name): float(value) if math.isfinite(value) else None for name, value in values.items()}
