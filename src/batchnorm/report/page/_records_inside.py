"""How do the records of a study get into its page, whole if there is room, and what gives way if there is not?"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...records import Study, StudyRuns, to_json
from ._template import json_inside, written_json

_DIGITS = (None, 6, 4, 3)
"""Of the numbers that figures draw, from all that there are to what a figure shows."""


def records_inside(study: Study, runs: Mapping[str, StudyRuns], room: int) -> tuple[dict[str, str], str]:
    """Return the JSON of each record by the id that it has in the page, and what the reader should know of it.

    Verdicts and measured values are always there as they are; series, which figures draw, are rounded or left out.

    Args:
        study: the answers.
        runs: of each claim.
        room: bytes that all of them may take.
    """
    for digits in _DIGITS:
        inside = _written(study, {claim: _rounded(one, digits) for claim, one in runs.items()})
        if sum(len(json_inside(text).encode()) for text in inside.values()) <= room:
            return inside, f"The numbers of curves are rounded to {digits} digits here." if digits else ""
    without = {
        claim: replace(one, runs=tuple(replace(run, series={}) for run in one.runs)) for claim, one in runs.items()
    }
    return _written(study, without), "The numbers of curves are left out here: the folder of the study has them."


def _written(study: Study, runs: Mapping[str, StudyRuns]) -> dict[str, str]:
    packed = {f"runs-{claim}": written_json(to_json(one)) for claim, one in runs.items()}
    return {"study": written_json(to_json(study)), **packed}


def _rounded(runs: StudyRuns, digits: int | None) -> StudyRuns:
    if digits is None:
        return runs
    return replace(runs, runs=tuple(replace(run, series=_round(run.series, digits)) for run in runs.runs))


def _round(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {name: _round(one, digits) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_round(one, digits) for one in value)
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
