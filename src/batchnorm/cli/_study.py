"""`batchnorm study run` and `batchnorm study list`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..progress import watch_study
from ..records import to_dict
from ..study import CLAIMS, StudyOptions, claim_data, claim_table, claims_table, find_claim, run_study
from ._json import to_line
from ._printing import show
from ._streams import warn
from ._wording import told


@dataclass
class RunStudy:
    """Measure which claims about batch norm hold on this machine, data and model.

    Every run is kept; the same command goes on where it was stopped.

    The budget quick takes minutes, standard hours: how many is said first.

    The verdicts, and claims of your own, are explained in docs/study.md.

    Example: batchnorm study run

    Example: batchnorm study run convergence my_claim.py --budget standard
    """

    claims: Annotated[Positional[tuple[str, ...]], arg(metavar="[CLAIM ...]", help_behavior_hint="")] = ()
    """claims by their ids (`batchnorm study list`), or .py files of your own; without: those of the budget"""
    data: Annotated[str | None, arg(metavar="DATA", help_behavior_hint="(default: Fashion-MNIST)")] = None
    """data set, folder or .npz"""
    model: Annotated[str | None, arg(metavar="NAME")] = None
    """net in the place of the claims' own: resnet20, package.module:function, ..."""
    seeds: Annotated[int | None, arg(metavar="INT", help_behavior_hint="(default: the budget's)")] = None
    """seeds of each arm, paired"""
    budget: Annotated[str, arg(metavar="WORD")] = "quick"
    """quick, standard or thorough"""
    device: Annotated[str, arg(metavar="NAME")] = "cpu"
    """where nets are trained: cpu, cuda, ..."""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: runs/study-BUDGET-DATA)")] = None
    """folder of the study"""
    processes: Annotated[int | None, arg(metavar="INT", help_behavior_hint="(default: processors, at most 8)")] = None
    """runs that go on at once"""
    wait: bool = False
    """wait for another process that runs a study in this folder"""
    retry: bool = False
    """do runs again that have crashed"""
    quiet: bool = False
    """show no progress"""
    json: bool = False
    """print the result as one JSON object"""

    def run(self) -> int:
        """Run, print, return 0, or 1 if a run has crashed."""
        options = StudyOptions(self.claims, self.data, self.model, self.seeds, self.budget, self.device)
        folder = self.out or options.folder()
        with watch_study(quiet=self.quiet, words=told) as watcher:
            study = run_study(
                self.claims,
                data=self.data,
                model=self.model,
                seeds=self.seeds,
                budget=self.budget,
                device=self.device,
                out=folder,
                processes=self.processes,
                wait=self.wait,
                retry=self.retry,
                watcher=watcher,
            )
        if self.json:
            print(to_line(to_dict(study)))
        else:
            show(study.table())
            warn(f"records: {folder}; a page with figures: batchnorm report {folder} -o report.html")
        return 1 if any(claim.crashed for claim in study.claims) else 0


@dataclass
class ListClaims:
    """List the claims that `batchnorm study run` measures, or tell all of some.

    All is: sources, protocol, questions with rules and margins, and advice.

    Example: batchnorm study list

    Example: batchnorm study list convergence
    """

    claims: Annotated[Positional[tuple[str, ...]], arg(metavar="[CLAIM ...]", help_behavior_hint="")] = ()
    """claims to tell in full, by their ids, or .py files of your own; without: a line for each of the library's"""
    json: bool = False
    """print one JSON array instead of tables, everything in it"""

    def run(self) -> int:
        """Print, return 0."""
        claims = [find_claim(name).claim() for name in self.claims] or CLAIMS
        if self.json:
            print(to_line([claim_data(claim) for claim in claims]))
        elif self.claims:
            show(*map(claim_table, claims))
        else:
            show(claims_table(claims))
        return 0
