"""Claims and runs with made-up numbers, of which what a figure shows can be worked out by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from batchnorm.records import StudyAdvice, StudyArm, StudyClaim, StudyComparison, StudyFigure, StudyRun


def made_comparison(**others: Any) -> StudyComparison:
    given: dict[str, Any] = {
        "id": "accuracy",
        "question": "Is it higher?",
        "value": "accuracy",
        "arm": "batch norm",
        "than": "none",
        "rule": "greater",
        "margin": 1.0,
        "unit": "points",
        "scale": "difference",
        "primary": True,
        "effect": 3.0,
        "interval": (2.0, 4.0),
        "unpaired_interval": None,
        "seeds": 2,
        "effects": (2.5, 3.5),
        "verdict": "supported",
        "p": 0.01,
        "holm_p": 0.01,
        "holm_verdict": "supported",
        "detectable": 1.0,
        "problem": None,
    }
    return StudyComparison(**given | others)


def made_claim(
    arms: Mapping[str, Mapping[str, Any]],
    *figures: StudyFigure,
    comparison: StudyComparison | None = None,
    derived: Mapping[str, Any] | None = None,
) -> StudyClaim:
    one = made_comparison() if comparison is None else comparison
    return StudyClaim(
        id="made-up",
        title="A made-up claim",
        statement="It is so.",
        sources=("somewhere",),
        protocol="none",
        advice=StudyAdvice("do", "do not", "wait"),
        verdict=one.verdict,
        holm_verdict=one.verdict,
        qualified=False,
        effect=one.effect,
        unit=one.unit,
        interval=one.interval,
        margin=one.margin,
        rule=one.rule,
        seeds=(0, 1),
        comparisons=(one,),
        arms=tuple(StudyArm(name, dict(options)) for name, options in arms.items()),
        derived=dict(derived or {}),
        figures=figures,
        found=(),
        runs=2,
        diverged=0,
        crashed=0,
        seconds=1.0,
        command="batchnorm study run made-up",
    )


def made_run(arm: str, seed: int, values: Mapping[str, Any] | None = None, **others: Any) -> StudyRun:
    given: dict[str, Any] = {
        "options": {},
        "searching": False,
        "status": "done",
        "reason": None,
        "series": {},
        "seconds": 1.0,
    }
    return StudyRun(key=f"{arm}{seed}", arm=arm, seed=seed, values=dict(values or {}), **given | others)


@pytest.fixture(scope="session")
def comparison() -> Callable[..., StudyComparison]:
    """A comparison, but for what is given."""
    return made_comparison


@pytest.fixture(scope="session")
def claim() -> Callable[..., StudyClaim]:
    """A claim of arms by their names, with figures."""
    return made_claim


@pytest.fixture(scope="session")
def run() -> Callable[..., StudyRun]:
    """A run of an arm and a seed."""
    return made_run


@pytest.fixture(scope="session")
def rows() -> Callable[..., list[dict[str, Any]]]:
    """All rows of data in a figure, or those of the layers that have a field."""
    return all_rows


def all_rows(part: Any, field: str | None = None) -> list[dict[str, Any]]:
    """The rows of data anywhere in a description."""
    found: list[dict[str, Any]] = []
    if isinstance(part, dict):
        found += [row for row in part.get("values", ()) if isinstance(row, dict)]
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        found += all_rows(inner)
    return [row for row in found if field is None or field in row]
