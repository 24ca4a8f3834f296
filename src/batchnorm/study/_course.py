"""Which runs does a claim need, and which of them can be done now? It follows from what is done; nobody stores it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean

from ..records import StudyRun
from ._arm import OWN, Arm, Value
from ._claim import Claim
from ._own_claim import ClaimSource
from ._rates import Rates
from ._scope import Scope
from ._search import Search
from ._task import StudySetting, Task

FIRST_SEARCH_SEED = 1000

Done = Mapping[str, StudyRun]
"""Runs by their keys."""


@dataclass(frozen=True)
class Course:
    """The runs of one claim: first those that search the arms' own rates, then each arm with each seed.

    Args:
        claim: what is claimed.
        source: where it is found.
        scope: how much it is given.
        seeds: of the runs.
        setting: what all runs share.
        rates: what was found before, in the place of searches.
    """

    claim: Claim
    source: ClaimSource
    scope: Scope
    seeds: tuple[int, ...]
    setting: StudySetting
    rates: Rates = field(default_factory=Rates)
    _tasks: dict[object, Task] = field(default_factory=dict, repr=False, compare=False)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms that are run."""
        names = self.scope.arms
        return tuple(arm for arm in self.claim.arms if names is None or arm.name in names)

    def open(self, done: Done) -> list[Task]:
        """Return what can be done now and is not done, each run once; more may follow when searches are done."""
        searching = (task for arm in self.arms for _, task in self._searching(arm) if self.found(arm, done) is None)
        ready = (task for _, task in self.rows(done))
        return [task for task in _each_once((*searching, *ready)) if task.key not in done]

    def rows(self, done: Done) -> list[tuple[Arm, Task]]:
        """Return the runs of all arms whose options are known; of equal arms each has its row, and all the same key."""
        return [
            (arm, self._task(arm, options, seed, searching=False))
            for arm in self.arms
            if (options := self._options(arm, done)) is not None
            for seed in self.seeds
        ]

    def count(self, done: Done) -> tuple[int, int]:
        """Return how many runs are done, and how many there are, as far as that is known before searches are done."""
        known = {task.key for _, task in self.rows(done)}
        known |= {task.key for arm in self.arms for _, task in self._searching(arm)}
        later = len({str(arm.options) for arm in self.arms if self._options(arm, done) is None}) * len(self.seeds)
        return sum(key in done for key in known), len(known) + later

    def is_complete(self, done: Done) -> bool:
        """Whether all is done."""
        return all(self._options(arm, done) is not None for arm in self.arms) and not self.open(done)

    def found(self, arm: Arm, done: Done) -> float | None:
        """Return the value of the searched option that suits an arm best; None while its search is not done.

        The largest mean wins, of equals the smallest value; a value by which some run gave no number loses, and where
        all do, the smallest wins.
        """
        if (known := self._known(arm)) is not None:
            return known
        scores: dict[float, list[float]] = {}
        for value, task in self._searching(arm):
            if (run := done.get(task.key)) is None:
                return None
            score = run.values.get(self._search.value)
            scores.setdefault(value, []).append(float("-inf") if score is None else score)
        return max(sorted(scores), key=lambda value: fmean(scores[value]))

    def records(self, done: Done) -> tuple[StudyRun, ...]:
        """Return all that is done as it is told: a record for each arm and seed, and before them the searching ones."""
        searching = _each_once(task for arm in self.arms for _, task in self._searching(arm))
        told = [done[task.key] for task in searching if task.key in done]
        return (*told, *(replace(done[task.key], arm=arm.name) for arm, task in self.rows(done) if task.key in done))

    def takes_rates(self) -> bool:
        """Whether what was found before stands in the place of a search."""
        return any(self._known(arm) is not None for arm in self.arms)

    @property
    def _search(self) -> Search:
        return self.claim.search or Search()

    def _searches(self, arm: Arm) -> bool:
        return self.claim.search is not None and arm.options.get(self._search.option) == OWN

    def _known(self, arm: Arm) -> float | None:
        return self.rates.known(self.claim, arm.options) if self._searches(arm) else None

    def _options(self, arm: Arm, done: Done) -> Mapping[str, Value] | None:
        """The options of an arm with its own rate; None while that is searched."""
        if not self._searches(arm):
            return arm.options
        value = self.found(arm, done)
        return None if value is None else {**arm.options, self._search.option: value}

    def _searching(self, arm: Arm) -> Iterator[tuple[float, Task]]:
        """The runs of an arm's search, each with the value that it tries."""
        if not self._searches(arm) or self._known(arm) is not None:
            return
        for value in self._search.grid:
            options = {**arm.options, self._search.option: value}
            for number in range(self._search.seeds):
                yield value, self._task(arm, options, FIRST_SEARCH_SEED + number, searching=True)

    def _task(self, arm: Arm, options: Mapping[str, Value], seed: int, *, searching: bool) -> Task:
        name = (arm.name, str(options), seed, searching)
        if name not in self._tasks:  # a key takes longer than all else here
            self._tasks[name] = Task(
                self.source,
                self.claim.id,
                self.claim.version,
                arm.name,
                options,
                seed,
                self.scope,
                self.setting,
                searching,
            )
        return self._tasks[name]


def _each_once(tasks: Iterable[Task]) -> list[Task]:
    """The first of those that are one run."""
    first: dict[str, Task] = {}
    for task in tasks:
        first.setdefault(task.key, task)
    return list(first.values())
