"""What is the answer to a claim, by its runs and the rules that were fixed before them?"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from ..records import StudyAdvice, StudyArm, StudyClaim, StudyComparison, StudyFigure, StudyFound, StudyRun, decisive
from ..tables import counted
from ._arm import OWN
from ._claim import Claim
from ._compared import compared
from ._holm import combined, with_holm
from ._values import Values, values_of


def judged(
    claim: Claim, runs: Iterable[StudyRun], seeds: Sequence[int], *, command: str = "", notes: Sequence[str] = ()
) -> StudyClaim:
    """Return a claim with its verdict.

    A comparison is decided by the 95 % interval of its effect, paired by seed: supported where the interval lies in the
    region of its rule, not supported where it lies outside, undecided where it holds a border. The claim is supported
    where all its primary comparisons are, and not supported where one is not. Holm's verdicts are those of the claim by
    itself; `with_holm` makes those of a whole study.

    Args:
        claim: with its rules.
        runs: of this claim, those of its searches included.
        seeds: that each arm was to be run with.
        command: what repeats it.
        notes: what else is to be known.

    Raises:
        RefusedError: scipy is not installed.
    """
    runs = tuple(runs)
    values = values_of(claim, runs, seeds)
    comparisons = tuple(compared(one, values, seeds) for one in claim.comparisons)
    verdict = combined([one.verdict for one in comparisons if one.primary])
    head = decisive(comparisons, verdict, claim.id)
    told = tuple({run.key: run for run in runs if not run.searching}.values())
    ends = Counter(run.status for run in told)
    found = tuple(_found(claim, runs))
    ran = {run.arm for run in runs}
    result = StudyClaim(
        id=claim.id,
        title=claim.title,
        statement=claim.statement,
        sources=tuple(claim.sources),
        protocol=claim.protocol,
        advice=StudyAdvice(**asdict(claim.advice)),
        verdict=verdict,
        holm_verdict="undecided",
        qualified=_is_qualified(verdict, comparisons),
        effect=head.effect,
        unit=head.unit,
        interval=head.interval,
        margin=head.margin,
        rule=head.rule,
        seeds=tuple(seeds),
        comparisons=comparisons,
        arms=tuple(StudyArm(arm.name, dict(arm.options)) for arm in claim.arms if arm.name in ran),
        derived=values.of_derived(seeds),
        figures=tuple(StudyFigure(**asdict(figure)) for figure in (claim.figure, *claim.figures)),
        found=found,
        runs=len(told),
        diverged=ends["diverged"],
        crashed=ends["crashed"],
        seconds=sum({run.key: run.seconds for run in runs}.values()),
        command=command,
        notes=(*notes, *_notes(told, found, values)),
    )
    return with_holm([result])[0]


def _is_qualified(verdict: str, comparisons: Iterable[StudyComparison]) -> bool:
    """Whether a comparison that is not primary was decided the other way."""
    other = {"supported": "not supported", "not supported": "supported"}.get(verdict)
    return any(one.verdict == other for one in comparisons if not one.primary)


def _found(claim: Claim, runs: Sequence[StudyRun]) -> Iterator[StudyFound]:
    """What the arms have in the place of `"own"`, as their runs tell."""
    if claim.search is None:
        return
    option, grid = claim.search.option, claim.search.grid
    for arm in claim.arms:
        own = next((run for run in runs if run.arm == arm.name and not run.searching), None)
        if own is not None and arm.options.get(option) == OWN and isinstance(own.options.get(option), int | float):
            value = float(own.options[option])
            yield StudyFound(arm.name, option, value, edge=value in (min(grid), max(grid)))


def _notes(runs: Sequence[StudyRun], found: Sequence[StudyFound], values: Values) -> Iterator[str]:
    """What a reader has to know before he believes a verdict."""
    for one in found:
        if one.edge:
            best = f"the best {one.option} of {one.arm!r}, {one.value:g}"
            yield f"{best}, is the last that was tried: a better one may lie beyond"
    crashes = Counter(f"{run.arm!r} crashed: {run.reason}" for run in runs if run.status == "crashed")
    for why, count in crashes.items():
        yield f"{why} ({counted(count, 'run')}; `retry` does them again)"
    yield from dict.fromkeys(values.not_derived.values())
