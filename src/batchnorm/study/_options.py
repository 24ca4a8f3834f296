"""What is a study asked to do, and can that be done?"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from ..bench import cpus
from ..data import Split
from ..errors import InputError, Setting, did_you_mean
from ..runs import pick_device, source_of
from ._build import built
from ._course import FIRST_SEARCH_SEED, Course
from ._fingerprint import images_digest, model_digest
from ._own_claim import ClaimSource, find_claim
from ._rates import FOUND_ON, Rates, committed_rates
from ._scope import Budget, Scope
from ._task import StudySetting
from .claims import CLAIMS

QUICK = ("convergence", "learning-rate", "initialization", "gradient-flow")
"""What a quick study does where no claims are named; the others do all."""
MOST_PROCESSES = 8
"""That are started unasked: each holds the images and torch."""


@dataclass(frozen=True)
class StudyOptions:
    """What a study is asked to do.

    Attributes:
        claims: ids of the library's claims, and files of one's own; none: those of the budget.
        data: a data set's name or path; None: by the budget, the bundled images or all of Fashion-MNIST.
        model: a net for all claims in the place of their own, as `batchnorm train --model` takes it.
        seeds: of each arm; None: as many as the budget says.
        budget: how much is done.
        device: where nets are trained.

    Raises:
        InputError: a budget or a number that cannot be.

    Example:
        >>> StudyOptions(budget="quick").data_or_default()
        'fashion-mnist-mini'
    """

    claims: tuple[str, ...] = ()
    data: str | None = None
    model: str | None = None
    seeds: int | None = None
    budget: str = "quick"
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.budget not in get_args(Budget):
            known = get_args(Budget)
            near = did_you_mean(str(self.budget), known)
            raise InputError(argument="budget", expected=f"one of {', '.join(known)}", got=repr(self.budget), cure=near)
        if self.seeds is not None and (type(self.seeds) is not int or not 1 <= self.seeds < FIRST_SEARCH_SEED):
            expected = f"an integer from 1 to {FIRST_SEARCH_SEED - 1}"
            raise InputError(argument="seeds", expected=expected, got=repr(self.seeds))

    def data_or_default(self) -> str:
        """Return the data set that is meant."""
        return self.data or ("fashion-mnist-mini" if self.budget == "quick" else "fashion-mnist")

    def folder(self) -> Path:
        """Return where the study lies if its user does not say: the same for the same options, so that it goes on.

        Example:
            >>> StudyOptions(seeds=4, model="nets:small").folder().as_posix()
            'runs/study-quick-fashion-mnist-mini-nets.small-4-seeds'
        """
        parts = ["study", self.budget, Path(self.data_or_default()).name]
        parts += [self.model.replace(":", ".").replace("/", ".")] if self.model else []
        parts += [f"{self.seeds}-seeds"] if self.seeds is not None else []
        return Path("runs") / "-".join(parts)

    def command(self, claim: ClaimSource) -> str:
        """Return the command line that repeats one claim."""
        given = {"budget": self.budget, "data": self.data, "model": self.model, "seeds": self.seeds}
        if self.device != "cpu":
            given["device"] = self.device
        words = [f"--{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None]
        return " ".join(("batchnorm study run", shlex.quote(claim.path or claim.id), *words))


def courses_of(options: StudyOptions) -> tuple[Course, ...]:
    """Return what is to be run of each claim.

    Raises:
        InputError: there is no such claim, budget of a claim, data set, model or device.
    """
    sources = _sources(options.claims or (QUICK if options.budget == "quick" else [claim.id for claim in CLAIMS]))
    scopes = [_scope(source, options) for source in sources]
    data = options.data_or_default()
    source = source_of(data)
    train, test = source.load("train"), source.load("test")
    device = str(pick_device(options.device))
    built(source.info, options.model, "batch", 0, {})  # a net that cannot be made is told before anything is run
    setting = StudySetting(data, images_digest(train, test), options.model, model_digest(options.model), device)
    own = options.budget == "quick" and options.model is None and data in FOUND_ON
    rates = committed_rates() if own else Rates()
    return tuple(
        Course(claim.claim(), claim, fitted, tuple(range(fitted.seeds)), setting, rates)
        for claim, scope in zip(sources, scopes, strict=True)
        for fitted in (_fitted(scope, train, test),)
    )


def checked_processes(processes: int | None) -> int:
    """Return how many processes do the runs.

    Raises:
        InputError: fewer than one.
    """
    if processes is None:
        return min(len(cpus()), MOST_PROCESSES)
    if type(processes) is not int or processes < 1:
        raise InputError(argument="processes", expected="an integer of at least 1", got=repr(processes))
    return processes


def _sources(names: Sequence[str]) -> list[ClaimSource]:
    sources = [find_claim(str(name)) for name in dict.fromkeys(map(str, names))]
    seen: dict[str, ClaimSource] = {}
    for source in sources:
        other = seen.setdefault(source.claim().id, source)
        if other is not source:
            problem = f"{other.path} and {source.path} have the same id, {source.claim().id!r}"
            raise InputError(problem, argument="claims", cure="Give one of them another.")
    return sources


def _scope(source: ClaimSource, options: StudyOptions) -> Scope:
    claim = source.claim()
    if options.budget not in claim.scopes:
        known = ", ".join(claim.scopes)
        problem = f"the claim {claim.id!r} has no scope for it"
        cure = ("Take one of those that it has: ", Setting("budget", next(iter(claim.scopes), "")), ".")
        raise InputError(problem, argument="budget", expected=f"one of {known}", got=repr(options.budget), cure=cure)
    scope = claim.scopes[options.budget]
    return scope if options.seeds is None else replace(scope, seeds=options.seeds)


def _fitted(scope: Scope, train: Split, test: Split) -> Scope:
    """The scope with no more images than there are, so that a run is known by what it has."""
    tested = None if scope.test_images is None or scope.test_images >= len(test) else scope.test_images
    return replace(scope, train_images=min(scope.train_images, len(train)), test_images=tested)


def notes_of(courses: Sequence[Course], options: StudyOptions) -> Iterator[str]:
    """Give what a reader of the study has to know besides."""
    short = [one for one in courses if one.scope.train_images < one.claim.scopes[options.budget].train_images]
    if short:
        has = short[0].scope.train_images
        ids = ", ".join(course.claim.id for course in short)
        yield f"{short[0].setting.data} has {has:,} training images, fewer than the budget gives: {ids}"
    if any(course.takes_rates() for course in courses):
        yield "the arms' own rates are those that a standard study on Fashion-MNIST has found"
