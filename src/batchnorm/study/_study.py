"""Which claims hold on this machine, data and model? A study runs what is not run yet, and judges what is."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike

from ..bench import cpus, machine_load, processor, versions
from ..files import as_path
from ..progress import StudyWatcher
from ..records import Study, StudyClaim, StudyPlan
from ..runs import StopRequest, listen_for_stop
from ._carry_out import CarryOut, Labour
from ._course import Course
from ._folder import StudyFolder
from ._holm import with_holm
from ._judged import judged
from ._options import StudyOptions, checked_processes, courses_of, notes_of
from ._plan import merged, plan_of
from ._pool import WorkerPool
from ._scipy import special_functions
from .claims import CLAIMS

BUSY = 0.5
"""Processes that want to run, beside this one, from which on measured times say little."""


def run_study(
    claims: Sequence[str | PathLike[str]] = (),
    *,
    data: str | None = None,
    model: str | None = None,
    seeds: int | None = None,
    budget: str = "quick",
    device: str = "cpu",
    out: str | PathLike[str] | None = None,
    processes: int | None = None,
    executor: Executor | None = None,
    wait: bool = False,
    retry: bool = False,
    watcher: StudyWatcher | None = None,
) -> Study:
    """Run what a study of claims needs, judge each claim by the rules that were fixed before, and return the answers.

    Each run is written into the folder as soon as it is done. A study that was stopped, or killed, goes on where it was
    when it is asked for again; a run that is done is not done again. A run that diverges or crashes is a result with
    its reason.

    By itself it starts processes, which import the main module as `multiprocessing` does: a script calls it below
    `if __name__ == "__main__":`.

    Args:
        claims: ids of the library's claims, and paths of Python files with claims of one's own; none: claims of the
            budget.
        data: a data set's name or path; None: the bundled images for `"quick"`, else Fashion-MNIST.
        model: a net in the place of the claims' own, `"resnet20"` or `"package.module:function"`.
        seeds: of each arm; None: as many as the budget says.
        budget: `"quick"`, `"standard"` or `"thorough"`.
        device: where nets are trained.
        out: the study's folder; None: one below `runs`, by the names of budget, data and model.
        processes: how many runs go on at once; None: as many as there are processors, and 8 at most.
        executor: does the runs in the place of processes of this machine, `processes` at once: Dask's, Ray's, or any
            other `Executor` that works in processes, for threads share torch's random numbers.
        wait: for another process that runs a study in this folder.
        retry: do runs again that have crashed.
        watcher: hears of what goes on.

    Returns:
        The answers of all claims of the folder that are complete. Its `print` is a table.

    Raises:
        InputError: there is no such claim, data set, model or budget; or the folder holds another study, or one whose
            claims had other rules.
        RefusedError: a file cannot be written, or scipy is not installed.
        KeyboardInterrupt: it was stopped; its message says how it goes on.

    Example:
        >>> study = run_study(["convergence"], budget="standard")  # doctest: +SKIP
        >>> study.claims[0].verdict  # doctest: +SKIP
        'supported'
    """
    special_functions()  # what is missing is told before hours of runs
    options = StudyOptions(tuple(map(str, claims)), data, model, seeds, budget, device)
    count = checked_processes(processes)
    courses = courses_of(options)
    folder = StudyFolder(options.folder() if out is None else as_path(out, "out"))
    watcher = watcher or StudyWatcher()
    with listen_for_stop() as request, folder.held(wait=wait, waiting=_Waiting(folder, request, watcher)):
        return _Session(options, courses, folder, watcher, request, retry).run(executor, count)


@contextmanager
def _doing(executor: Executor | None, processes: int) -> Iterator[Labour]:
    """Give who does the runs; a pool of this machine's processes ends with the block, whatever is under way."""
    threads = max(1, len(cpus()) // processes)
    if executor is not None:
        yield Labour(executor, processes, threads, len(cpus()))
        return
    pool = WorkerPool(processes, threads)
    try:
        yield Labour(pool, processes, threads, len(cpus()))
    finally:
        pool.stop()


@dataclass
class _Waiting:
    """Says once that another process has the folder, and stops when it is asked to."""

    folder: StudyFolder
    request: StopRequest
    watcher: StudyWatcher
    _told: bool = False

    def __call__(self) -> None:
        if not self._told:
            self._told = True
            self.watcher.note(f"{self.folder.path}: another process runs a study in this folder; waiting for it")
        if self.request.heard:
            raise KeyboardInterrupt(f"{self.request.heard}: stopped while waiting; nothing was run")


@dataclass
class _Session:
    """A study from when its folder is held until it is left."""

    options: StudyOptions
    courses: Sequence[Course]
    folder: StudyFolder
    watcher: StudyWatcher
    request: StopRequest
    retry: bool
    start: float = field(default_factory=time.monotonic)
    answers: dict[str, StudyClaim] = field(default_factory=dict)

    def run(self, executor: Executor | None, processes: int) -> Study:
        """Do it."""
        plan = self._planned()
        before = self.folder.read_result()
        self.folder.write_plan(plan)
        self.answers = {claim.id: claim for claim in before.claims} if before else {}
        with _doing(executor, processes) as labour:
            self._carry_out(labour, before)
        return self.study

    def _planned(self) -> StudyPlan:
        """The plan with what the folder's says; what has other rules now and no runs that count is begun anew."""
        now = plan_of(self.courses, self.courses[0].setting, self.options.budget, self.options.seeds)
        before = self.folder.read_plan()
        if before is None:
            return now
        begun = [claim.id for claim in before.claims if self._counts(claim.id)]
        plan = merged(before, now, begun, str(self.folder.path))
        for claim in before.claims:
            if claim not in plan.claims:
                self.folder.forget(claim.id)
        return plan

    def _counts(self, claim: str) -> bool:
        return any(run.status != "crashed" for run in self.folder.read_runs(claim).values())

    def _carry_out(self, labour: Labour, before: Study | None) -> None:
        spent = before.seconds if before else 0.0

        def complete(course: Course) -> None:
            runs = course.records(work.done[course.claim.id])
            self.folder.pack(course.claim.id, runs)
            command = self.options.command(course.source)
            self.answers[course.claim.id] = judged(course.claim, runs, course.seeds, command=command)
            self.study = self._study(labour, spent)
            self.folder.write_result(self.study)
            self.watcher.judged(self.answers[course.claim.id])

        work = CarryOut(self.courses, labour, self.folder, self.watcher, complete, lambda: self._look(work))
        for course in self.courses:
            done = self.folder.read_runs(course.claim.id)
            work.done[course.claim.id] = {
                key: run for key, run in done.items() if not (self.retry and run.status == "crashed")
            }
        for note in notes_of(self.courses, self.options):
            self.watcher.note(note)
        self._warn_if_busy(work)
        self.watcher.started(f"{self.options.budget} study on {self.options.data_or_default()}", work.standing())
        work.run()

    def _study(self, labour: Labour, spent: float) -> Study:
        setting = self.courses[0].setting
        order = [claim.id for claim in CLAIMS]
        answers = sorted(self.answers.values(), key=lambda one: order.index(one.id) if one.id in order else len(order))
        return Study(
            claims=with_holm(answers),
            budget=self.options.budget,
            data=setting.data,
            model=setting.model,
            seeds=self.options.seeds,
            versions={**versions(), **setting.versions},
            machine=f"{processor()}, {len(cpus())} processors",
            threads=labour.threads,
            processes=labour.processes,
            seconds=spent + time.monotonic() - self.start,
            notes=tuple(notes_of(self.courses, self.options)),
        )

    def _look(self, work: CarryOut) -> None:
        if self.request.heard:
            standing = work.standing()
            raise KeyboardInterrupt(
                f"{self.request.heard}: stopped; {standing.done} of {standing.total} runs are done and kept in "
                f"{self.folder.path}, and the same command goes on from there"
            )

    def _warn_if_busy(self, work: CarryOut) -> None:
        """Tell whose claims are about times that the machine has other work; ours comes before, and counts as such."""
        waiting = [course for course in self.courses if not course.is_complete(work.done[course.claim.id])]
        load = machine_load() or 0.0
        if waiting and all(course.claim.alone for course in waiting) and load > BUSY:
            ids = ", ".join(course.claim.id for course in waiting)
            self.watcher.note(f"the machine is busy (load {load:.1f}): the times of {ids} will say little")
