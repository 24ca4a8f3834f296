"""What of a study is fixed before its first run, and does a study that goes on still mean the same?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace

from ..errors import InputError, Setting
from ..records import PlannedClaim, PlannedComparison, StudyArm, StudyPlan
from ._comparison import Comparison
from ._course import Course
from ._task import StudySetting


def plan_of(courses: Iterable[Course], setting: StudySetting, budget: str, seeds: int | None) -> StudyPlan:
    """Return what is to be written before the first run."""
    return StudyPlan(
        budget=budget,
        data=setting.data,
        data_digest=setting.data_digest,
        model=setting.model,
        model_digest=setting.model_digest,
        device=setting.device,
        seeds=seeds,
        versions=dict(setting.versions),
        claims=tuple(map(_planned, courses)),
    )


def merged(before: StudyPlan, now: StudyPlan, begun: Sequence[str], where: str) -> StudyPlan:
    """Return the plan of a study that goes on, with the claims of both.

    Args:
        before: what was written when it began.
        now: what is asked for.
        begun: ids of claims that have runs, whose rules are fixed.
        where: its folder.

    Raises:
        InputError: it is another study, or a claim that was begun has other rules now.
    """
    for field in fields(StudyPlan):
        if field.name not in ("claims", "seeds"):  # which of them change is told of each claim
            was, is_now = getattr(before, field.name), getattr(now, field.name)
            if was != is_now:
                raise _other_study(field.name, was, is_now, where)
    known = {claim.id: claim for claim in before.claims}
    for claim in now.claims:
        if claim.id in begun and claim.id in known and known[claim.id] != claim:
            raise _other_rules(known[claim.id], claim, where)
    claims = {**known, **{claim.id: claim for claim in now.claims}}
    return replace(before, claims=tuple(claims.values()))


_WORDS = {"data_digest": "images", "model_digest": "code of the model"}
_ELSEWHERE = ("Take another folder: ", Setting("out", "FOLDER"), ".")


def _other_study(name: str, was: object, now: object, where: str) -> InputError:
    if name in _WORDS:
        return InputError(f"{where}: the {_WORDS[name]} have changed since this study began", cure=_ELSEWHERE)
    if name == "versions":
        problem = f"{where} is a study by {_versions(was)}, and this is {_versions(now)}"
        return InputError(problem, cure=("Go on with those versions, or take another folder: ", *_ELSEWHERE[1:]))
    cure = ("Go on with that value, or take another folder: ", *_ELSEWHERE[1:])
    return InputError(argument=name, expected=f"{was}, as the study in {where} has it", got=str(now), cure=cure)


def _versions(versions: object) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items()) if isinstance(versions, dict) else ""


def _other_rules(was: PlannedClaim, now: PlannedClaim, where: str) -> InputError:
    changed = ", ".join(_changes(was, now))
    why = "; seeds that are added until a verdict appears make false ones more frequent" if "seeds" in changed else ""
    problem = f"{where}: claim {was.id!r} has other {changed} now, and these are fixed before its first run{why}"
    cure = (*_ELSEWHERE[:-1], f"; or remove {where}/runs/{was.id}* to begin this claim anew.")
    return InputError(problem, cure=cure)


def _changes(was: PlannedClaim, now: PlannedClaim) -> Iterator[str]:
    words = {"digest": "code", "version": "code"}
    names = (field.name for field in fields(PlannedClaim) if getattr(was, field.name) != getattr(now, field.name))
    yield from dict.fromkeys(words.get(name, name) for name in names)


def _planned(course: Course) -> PlannedClaim:
    claim = course.claim
    scope = {name: value for name, value in asdict(course.scope).items() if name not in ("seeds", "arms")}
    return PlannedClaim(
        id=claim.id,
        version=claim.version,
        file=course.source.path or None,
        digest=course.source.digest,
        statement=claim.statement,
        scope=_kept(scope),
        seeds=course.seeds,
        arms=tuple(StudyArm(arm.name, _kept(dict(arm.options))) for arm in course.arms),
        search=None if claim.search is None else _kept(asdict(claim.search)),
        comparisons=tuple(map(_comparison, claim.comparisons)),
    )


def _comparison(comparison: Comparison) -> PlannedComparison:
    return PlannedComparison(**{**asdict(comparison), "than": str(comparison.than)})


def _kept(options: dict[str, object]) -> dict[str, object]:
    """Options as a record that is read back has them: lists are tuples."""
    return {name: _tuples(value) for name, value in options.items()}


def _tuples(value: object) -> object:
    if isinstance(value, dict):
        return tuple((name, _tuples(inner)) for name, inner in value.items())
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
