"""What did each arm measure with each seed, the derived arms included, and where nothing, why?"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..files import in_short
from ..records import StudyRun
from ._claim import Claim

CENSORED = " censored"
"""Behind a value's name: that of one which is 1 where the value is only a lower bound, as of steps that never arrived."""

Numbers = Mapping[str, float | None]
Place = tuple[str, int]
"""An arm and a seed."""


@dataclass
class Values:
    """What was measured: numbers by arm and seed, and then by name.

    Attributes:
        numbers: what there is.
        lost: why there are no numbers of an arm and a seed.
        derived: the arms that were derived.
        problem: why nothing was derived of a seed.
    """

    numbers: dict[Place, Numbers]
    lost: dict[Place, str]
    derived: list[str] = field(default_factory=list)
    problem: str | None = None

    def number(self, arm: str, seed: int, name: str) -> float | str:
        """Return a number, or why there is none."""
        if (arm, seed) not in self.numbers:
            return self.lost.get((arm, seed), self.problem or f"{arm!r} was not run")
        numbers = self.numbers[arm, seed]
        if name not in numbers:
            return f"{name!r} of {arm!r} was not measured"
        number = numbers[name]
        return f"{name!r} of {arm!r} is not finite" if number is None else number

    def is_bound(self, arm: str, seed: int, name: str) -> bool:
        """Whether a number is only a lower bound."""
        return bool(self.numbers.get((arm, seed), {}).get(name + CENSORED))

    def of_derived(self, seeds: Sequence[int]) -> dict[str, dict[str, tuple[float | None, ...]]]:
        """Return the values of the derived arms: a number for each seed."""
        return {arm: self._by_seed([self.numbers.get((arm, seed), {}) for seed in seeds]) for arm in self.derived}

    def _by_seed(self, numbers: Sequence[Numbers]) -> dict[str, tuple[float | None, ...]]:
        names = dict.fromkeys(name for one in numbers for name in one)
        return {name: tuple(one.get(name) for one in numbers) for name in names}


def values_of(claim: Claim, runs: Iterable[StudyRun], seeds: Sequence[int]) -> Values:
    """Return what the runs of a claim have measured; those of a search have no part in it."""
    values = Values({}, {})
    for run in runs:
        if run.seed in seeds and not run.searching:
            _take(values, run)
    if claim.derive is not None:
        for seed in seeds:
            _derive(claim, values, seed)
    return values


def _take(values: Values, run: StudyRun) -> None:
    place = run.arm, run.seed
    if run.status == "crashed":
        values.lost[place] = f"{run.arm!r} crashed"
    else:
        values.numbers[place] = run.values


def _derive(claim: Claim, values: Values, seed: int) -> None:
    """Add the arms that are derived of one seed; none where a run has crashed, for a range without it would be another."""
    crashed = [why for (_, of), why in values.lost.items() if of == seed]
    if crashed:
        values.problem = f"nothing was derived, for {crashed[0]}"
        return
    by_arm = {arm: _as_floats(numbers) for (arm, of), numbers in values.numbers.items() if of == seed}
    assert claim.derive is not None
    try:
        made = {arm: dict(numbers) for arm, numbers in claim.derive(by_arm).items()}
    except Exception as error:  # code of the claim's author, which may do anything
        values.problem = f"nothing was derived: {type(error).__name__}: {in_short(error)}"
        return
    for arm, numbers in made.items():
        values.numbers[arm, seed] = {**by_arm.get(arm, {}), **numbers}
