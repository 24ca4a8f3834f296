"""What is the answer to one claim of a study: which verdict, by which rule, from which numbers?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import InputError
from ..tables import Table
from ._numbers import Signed
from ._plain import Plain, plain_values
from ._shown import Shown
from ._study_cells import arms_table, comparisons_table
from ._study_words import claim_summary

Verdict = Literal["supported", "not supported", "undecided"]
"""The interval lies in the region that the rule names, or in the rest of the line, or on both sides of the border."""

Rule = Literal["greater", "less", "equivalent", "not worse"]
"""Where the effect is to lie: above the margin, below minus the margin, between the two, or above minus the margin."""

Scale = Literal["difference", "ratio"]
"""Effects are differences, arm less the other one, or ratios, arm by the other one, whose logarithms are averaged."""

BySeed = tuple[Signed | None, ...]
"""A number for each seed of the claim, in their order; None where it is missing."""


@dataclass(frozen=True, slots=True)
class StudyComparison:
    """One question of a claim, and what the paired runs of two arms say to it.

    Attributes:
        id: short, of its own in the claim.
        question: in words.
        value: which of the measured values is compared.
        arm: the arm that the claim speaks of.
        than: the arm that it is compared with, or the expected number as text.
        rule: where the effect is to lie.
        margin: in the unit; with `scale="ratio"` a factor of at least 1.
        unit: of effect, interval and margin.
        scale: whether effects are differences or ratios.
        primary: whether the claim's verdict is made of it; others qualify that.
        effect: the mean over seeds; of ratios the geometric one. None where there is none.
        interval: 95 %, paired by seed, by Student's t; None with fewer than two seeds.
        unpaired_interval: the same by Welch, as if the seeds had nothing in common; None against a number.
        seeds: how many have an effect.
        effects: by seed, None where one is missing.
        verdict: of the interval, by the rule.
        p: two-sided, for an effect that lies right at the margin: below 0.05 exactly where the verdict is decided.
        holm_p: adjusted by Holm for all primary comparisons of the study; None where it is not primary.
        holm_verdict: the verdict by that.
        detectable: how far beyond the margin an effect must lie to be found in 80 % of studies with so many seeds and
            this spread; of ratios a factor. None where the spread is not known.
        problem: what stands against an answer, or against trusting it.
        minus: of an interaction, the two arms whose effect is taken off.
    """

    id: str
    question: str
    value: str
    arm: str
    than: str
    rule: Rule
    margin: float
    unit: str
    scale: Scale
    primary: bool
    effect: Signed | None
    interval: tuple[Signed, Signed] | None
    unpaired_interval: tuple[Signed, Signed] | None
    seeds: int
    effects: BySeed
    verdict: Verdict
    p: float | None
    holm_p: float | None
    holm_verdict: Verdict | None
    detectable: float | None
    problem: str | None
    minus: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class StudyAdvice:
    """What a reader should do, by what the verdict is."""

    supported: str
    not_supported: str
    undecided: str


@dataclass(frozen=True, slots=True)
class StudyArm:
    """An arm by its name, and all that makes it differ."""

    name: str
    options: dict[str, Plain]

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", plain_values(self.options, "options"))


@dataclass(frozen=True, slots=True)
class StudyFound:
    """What a search found to be an arm's own: the `value` of an `option`; at the `edge` of the grid, or inside it."""

    arm: str
    option: str
    value: float
    edge: bool


@dataclass(frozen=True, slots=True)
class StudyFigure:
    """What a figure draws, as `study.Figure` has it."""

    kind: str
    value: str
    x: str | None = None
    y: str | None = None
    group: str | None = None
    arms: tuple[str, ...] | None = None
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class StudyClaim(Shown):
    """A claim with its verdict; printing it shows what was compared, and what it says for one's own nets.

    Attributes:
        id: as `batchnorm study run` takes it.
        title: in a few words.
        statement: what is claimed.
        sources: where.
        protocol: what was done.
        advice: what to do, by verdict.
        verdict: supported where all primary comparisons are, not supported where one is not, else undecided.
        holm_verdict: the same by Holm's verdicts.
        qualified: whether a comparison that is not primary was decided the other way.
        effect: of the headline, the first primary comparison that decides; so are unit, interval, margin and rule.
        seeds: of the runs, paired over arms.
        comparisons: the primary ones and the others, as the claim has them.
        arms: what was run.
        derived: values that were made of several arms' by seed: arm, value, and a number for each seed.
        figures: the report's, the first one first.
        found: what was searched for.
        runs: how many there are, searching ones not counted; how many of them `diverged` and `crashed`.
        seconds: of all runs together, searching ones included.
        command: what repeats it.
        notes: what else is to be known.
    """

    VERSION: ClassVar[int] = 1

    id: str
    title: str
    statement: str
    sources: tuple[str, ...]
    protocol: str
    advice: StudyAdvice
    verdict: Verdict
    holm_verdict: Verdict
    qualified: bool
    effect: Signed | None
    unit: str
    interval: tuple[Signed, Signed] | None
    margin: float
    rule: Rule
    seeds: tuple[int, ...]
    comparisons: tuple[StudyComparison, ...]
    arms: tuple[StudyArm, ...]
    derived: dict[str, dict[str, BySeed]]
    figures: tuple[StudyFigure, ...]
    found: tuple[StudyFound, ...]
    runs: int
    diverged: int
    crashed: int
    seconds: float
    command: str
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> StudyComparison:
        """The comparison whose effect stands for the claim: the first primary one that has the claim's verdict.

        Raises:
            InputError: it has none, as no study leaves it.
        """
        return decisive(self.comparisons, self.verdict, self.id)

    def summary(self) -> str:
        """Return one line: the verdict, the effect with its interval, and of how many seeds."""
        return claim_summary(self)

    def tables(self) -> dict[str, Table]:
        """Return `"comparisons"`, what was compared and what it says, and `"arms"`, what was run."""
        return {"comparisons": comparisons_table(self), "arms": arms_table(self)}


def decisive(comparisons: Sequence[StudyComparison], verdict: Verdict, claim: str) -> StudyComparison:
    """Return the first primary comparison that has the verdict of the claim, or else the first primary one.

    Where one question of several refutes a claim, its effect is what a reader has to see, not that of a question whose
    answer was yes.

    Raises:
        InputError: there is no primary one.
    """
    primaries = [one for one in comparisons if one.primary]
    if not primaries:
        raise InputError(f"claim {claim!r}", argument="comparisons", expected="one that is primary", got="none")
    return next((one for one in primaries if one.verdict == verdict), primaries[0])
