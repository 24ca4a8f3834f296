"""In which ways may a page hold the records of a study: whole, or with the numbers of curves rounded or left out?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...records import Study, StudyRuns, to_json
from ._template import written_json

_DIGITS = (6, 4, 3)
"""Of the numbers of curves, down to what a figure shows."""


def study_records(study: Study, runs: Mapping[str, StudyRuns]) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the JSON of each record by its id in the page, and what a reader should know of it, the whole first.

    Verdicts and measured values are always there as they are.
    """
    yield _written(study, runs), ""
    for digits in _DIGITS:
        rounded = {
            claim: _with_series(one, lambda series, to=digits: _round(series, to)) for claim, one in runs.items()
        }
        yield _written(study, rounded), f"The numbers of curves are rounded to {digits} digits here."
    without = {claim: _with_series(one, lambda _: {}) for claim, one in runs.items()}
    yield _written(study, without), "The numbers of curves are left out here: the folder of the study has them."


def _written(study: Study, runs: Mapping[str, StudyRuns]) -> dict[str, str]:
    packed = {f"runs-{claim}": written_json(to_json(one)) for claim, one in runs.items()}
    return {"study": written_json(to_json(study)), **packed}


def _with_series(runs: StudyRuns, changed: Any) -> StudyRuns:
    return replace(runs, runs=tuple(replace(run, series=changed(run.series)) for run in runs.runs))


def _round(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {name: _round(one, digits) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_round(one, digits) for one in value)
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
