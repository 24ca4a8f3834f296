"""`batchnorm report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import RefusedError
from ..report import study_charts, study_page, write_charts
from ..study import read_study
from ._picture import check_picture
from ._streams import warn


@dataclass
class Report:
    """Write what a study found as one HTML file, with its figures, its numbers and its records inside.

    Example: batchnorm report studies/first -o report.html

    Example: batchnorm report studies/first -o report.html --figures figures
    """

    run_: Annotated[Positional[Path], arg(name="study", metavar="STUDY")]
    """the folder of a study, which may still be going on"""
    out: Annotated[Path, arg(metavar="FILE.html", aliases=["-o"])]
    """the page"""
    figures: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """also write each figure as SVG and PNG, its numbers as CSV"""

    def run(self) -> int:
        """Read, write, return 0."""
        check_picture("out", self.out, (".html",), reads=(self.run_,))
        study, runs = read_study(self.run_)
        try:
            study_page(study, runs, self.out)
            warn(f"report: {self.out}")
            if self.figures:
                charts = [chart for claim in study.claims for chart in study_charts(claim, runs[claim.id].runs)]
                written = write_charts(charts, self.figures)
                warn(f"figures: {len(written)} files in {self.figures}")
        except ImportError as error:  # of what draws; the message says how it is installed
            raise RefusedError(str(error)) from error
        return 0
