"""`batchnorm report`."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import InputError, RefusedError
from ..report import Chart, run_charts, run_page, study_charts, study_page, write_charts
from ..runs import TrainConfig, report_of_run, torch_settings, trusting_norm
from ..study import is_study, read_study
from ._picture import check_picture
from ._streams import warn

Made = tuple[Callable[[Path], None], Callable[[], list[Chart]]]
"""What writes the page, and what its figures are."""


@dataclass
class Report:
    """Write one HTML file of a run or a study: figures, numbers, records.

    Example: batchnorm report runs/first -o report.html

    Example: batchnorm report studies/first -o report.html --figures figures
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN-OR-STUDY")]
    """folder of a run or a study, or a model.safetensors"""
    out: Annotated[Path, arg(metavar="FILE.html", aliases=["-o"])]
    """the page"""
    figures: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """also write each figure as SVG and PNG, its numbers as CSV"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """other data than the run's: a name, a path, package.module:source"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that builds the model, if it is your own"""
    norm: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that makes its norm layers, if they are yours"""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """auto, cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: torch's default"""

    def run(self) -> int:
        """Read, write, return 0."""
        self._check()
        write_page, charts = self._of_study() if is_study(self.run_) else self._of_run()
        try:
            write_page(self.out)
            warn(f"report: {self.out}")
            if self.figures:
                warn(f"figures: {len(write_charts(charts(), self.figures))} files in {self.figures}")
        except ImportError as error:  # of what draws; the message says how it is installed
            raise RefusedError(str(error)) from error
        return 0

    def _check(self) -> None:
        check_picture("out", self.out, (".html",), reads=(self.run_,))
        if self.figures and self.figures.exists() and not self.figures.is_dir():
            raise InputError(
                argument="figures", expected="a folder", got=f"{self.figures}, a file", cure="Name another."
            )
        if not self.run_.exists():
            raise InputError(
                f"{self.run_}: expected the folder of a run or a study, found none", cure="Check the path."
            )
        if self.run_.is_dir() and not is_study(self.run_) and not (self.run_ / "config.toml").exists():
            has = "it has neither a config.toml nor a plan.json"
            raise InputError(f"{self.run_}: expected the folder of a run or a study, but {has}", cure="Check the path.")

    def _of_study(self) -> Made:
        for option in fields(self)[3:]:
            if getattr(self, option.name) != option.default:
                raise InputError(
                    "is for runs; a study was run with its own", argument=option.name, cure="Leave it out."
                )
        study, runs = read_study(self.run_)
        return partial(study_page, study, runs), lambda: [
            chart for claim in study.claims for chart in study_charts(claim, runs[claim.id].runs)
        ]

    def _of_run(self) -> Made:
        config = TrainConfig(device=self.device, threads=self.threads)
        with torch_settings(config), trusting_norm(self.norm):
            report = report_of_run(
                self.run_, dataset=self.data, model=self.model, device=self.device, threads=self.threads
            )
        return partial(run_page, report), lambda: [*run_charts(report)]
