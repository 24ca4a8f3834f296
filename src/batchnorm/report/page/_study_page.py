"""What did a study find? One HTML file: a table of verdicts, and a part with figure and numbers for each claim."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...records import Study, StudyRuns
from ...tables import counted
from ._claim_part import ClaimPart
from ._fitted import write_page
from ._study_records import study_records

_VERDICTS = ("supported", "not supported", "undecided")


def study_page(study: Study, runs: Mapping[str, StudyRuns], path: Path | str) -> None:
    """Write the report of a study: one HTML file of at most 2 MB that needs no network.

    The records that it was made of are inside as JSON. If they are too large, the numbers of curves are rounded, which
    the page then says.

    Args:
        study: the answers.
        runs: of each claim by its id; a claim without runs has no figures.
        path: the file; it appears whole or not at all.

    Raises:
        ImportError: what `batchnorm[report]` brings is not installed.
        InputError: the study has no claim.
        OSError: the file cannot be written.

    Example:
        >>> from batchnorm.records import Study
        >>> nothing = Study((), "quick", "fashion-mnist", None, None, {}, "a machine", 1, 2, 0.0)
        >>> study_page(nothing, {}, "report.html")
        Traceback (most recent call last):
        batchnorm.errors.InputError: study: expected a study with at least one claim that is answered, got none. ...
    """
    if not study.claims:
        raise InputError(
            argument="study",
            expected="a study with at least one claim that is answered",
            got="none",
            cure="Let it go on: the same `batchnorm study run` takes up where it was.",
        )
    values = _values(study, runs)
    charts = [chart for part in values["parts"] for chart in part.charts]
    write_page(path, "study.html", charts, study_records(study, runs), **values)


def _values(study: Study, runs: Mapping[str, StudyRuns]) -> dict[str, Any]:
    parts = [
        ClaimPart(number, claim, runs[claim.id].runs if claim.id in runs else ())
        for number, claim in enumerate(study.claims, 1)
    ]
    tally = [(verdict, sum(claim.verdict == verdict for claim in study.claims)) for verdict in _VERDICTS]
    return {"study": study, "parts": parts, "tally": tally, "facts": _facts(study)}


def _facts(study: Study) -> list[tuple[str, str]]:
    return [
        ("Data", study.data),
        ("Model", study.model or "each claim's own"),
        ("Budget", study.budget),
        ("Machine", study.machine),
        ("At once", f"{counted(study.processes, 'run')}, {counted(study.threads, 'thread')} each"),
        ("Time", _duration(study.seconds)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in study.versions.items())),
    ]


def _duration(seconds: float) -> str:
    """A time as people say it, in two units.

    Example:
        >>> _duration(5000), _duration(12)
        ('1 h 23 min', '12 s')
    """
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if seconds >= 100 else f"{seconds:.0f} s"
