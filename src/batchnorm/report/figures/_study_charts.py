"""Which figures has a claim?"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import InputError
from ...records import StudyClaim, StudyFigure, StudyRun
from ._chart import Chart
from ._missing import needed

if TYPE_CHECKING:
    from ._drawing import Drawing

    Kind = Callable[[StudyClaim, Sequence[StudyRun], StudyFigure], Drawing | None]


def study_charts(claim: StudyClaim, runs: Sequence[StudyRun]) -> tuple[Chart, ...]:
    """Return a chart for each of a claim's figures of which there is something to draw, the first one first.

    Args:
        claim: whose figures.
        runs: its runs; those of searches among them are left out.

    Raises:
        ImportError: altair is not installed.
        InputError: there is a kind of figure that this library does not draw.
    """
    kinds = _kinds()
    charts = []
    for number, figure in enumerate(claim.figures, 1):
        if figure.kind not in kinds:
            known = ", ".join(map(repr, kinds))
            raise InputError(argument="figures", expected=f"kinds among {known}", got=repr(figure.kind))
        drawing = kinds[figure.kind](_shown(claim, figure), runs, figure)
        if drawing is not None:
            charts.append(_chart(f"{_plain(claim.id)}-{number}", figure.title or claim.title, drawing))
    return tuple(charts)


def _plain(name: str) -> str:
    """A claim's id as a part of a file's name, whatever a record from elsewhere calls it.

    Example:
        >>> _plain("l1-l2"), _plain("../../etc/claim")
        ('l1-l2', '-etc-claim')
    """
    return re.sub(r"[^A-Za-z0-9-]+", "-", name)


def _shown(claim: StudyClaim, figure: StudyFigure) -> StudyClaim:
    """The claim with those of its arms that a figure names, in that order; all of them if it names none."""
    if figure.arms is None:
        return claim
    by_name = {arm.name: arm for arm in claim.arms}
    derived = {name: claim.derived[name] for name in figure.arms if name in claim.derived}
    return replace(claim, arms=tuple(by_name[name] for name in figure.arms if name in by_name), derived=derived)


def _kinds() -> "Mapping[str, Kind]":
    """What draws which kind of figure."""
    needed("altair", "altair")
    from ._axis import axis
    from ._curves import curves, layers
    from ._dots import dots
    from ._heatmap import heatmap
    from ._ridges import ridges

    return {"dots": dots, "curves": curves, "axis": axis, "heatmap": heatmap, "layers": layers, "ridges": ridges}


def _chart(name: str, title: str, drawing: "Drawing") -> Chart:
    return Chart(name, title, drawing.words, drawing.spec(), drawing.numbers(), drawing.legend, drawing.notes)
