"""A study on disk: which files it has, and how each is written whole and read again?"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError, RefusedError, Setting
from ..files import as_path, atomic_write, hold, is_part, remove_parts
from ..records import Record, Study, StudyPlan, StudyRun, StudyRuns, read_record, to_json

PLAN, RESULT, RUNS = "plan.json", "result.json", "runs"
LOOKED_AT_EVERY = 0.5
"""Seconds between two looks whether another process has left the folder."""


class StudyFolder:
    """The files of one study; only one process at a time writes them.

    Args:
        path: the folder.

    Example:
        >>> import tempfile
        >>> folder = StudyFolder(tempfile.mkdtemp())
        >>> with folder.held():
        ...     folder.read_plan() is None, folder.read_runs("cost")
        (True, {})
    """

    def __init__(self, path: Path | str) -> None:
        self.path = as_path(path, "out")
        self.plan, self.result, self.runs = self.path / PLAN, self.path / RESULT, self.path / RUNS

    @contextmanager
    def held(self, *, wait: bool = False, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Make the folder if there is none, and hold it against other processes for the time of the block.

        Args:
            wait: until another process has left it.
            waiting: called often meanwhile; what it raises ends it.

        Raises:
            InputError: another process holds it, it holds other files, or it cannot be made.
        """
        self._make()
        if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders
            yield
            return
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with suppress(OSError):  # a file system without locks
                while not hold(descriptor):
                    if not wait:
                        cure = ("Wait for it (", Setting("wait", True), "), or take another folder.")
                        raise InputError(f"{self.path}: another process runs a study in this folder", cure=cure)
                    waiting()
                    time.sleep(LOOKED_AT_EVERY)
            self._refuse_other_files()
            self._remove_leftovers()
            yield
        finally:
            os.close(descriptor)

    def read_plan(self) -> StudyPlan | None:
        """Return what was fixed when the study began; None of a new one.

        Raises:
            InputError: the file cannot be read, or a newer batchnorm wrote it.
        """
        return read_record(self.plan, StudyPlan) if self.plan.exists() else None

    def read_result(self) -> Study | None:
        """Return what the study has come to; None before the first claim is complete.

        Raises:
            InputError: the file cannot be read, or a newer batchnorm wrote it.
        """
        return read_record(self.result, Study) if self.result.exists() else None

    def read_runs(self, claim: str) -> dict[str, StudyRun]:
        """Return the runs of a claim by their keys.

        A file of a single run that cannot be read is taken for a run that has not been done.

        Raises:
            InputError: the file of all its runs cannot be read.
        """
        runs = {run.key: run for run in self.read_packed(claim)}
        for path in sorted((self.runs / claim).glob("*.json")):
            with suppress(InputError):
                run = read_record(path, StudyRun)
                if run.key == path.stem:
                    runs[run.key] = run
        return runs

    def read_packed(self, claim: str) -> tuple[StudyRun, ...]:
        """Return the runs of a claim that was complete, as they are told; none of another.

        Raises:
            InputError: the file cannot be read, or is another claim's.
        """
        path = self.runs / f"{claim}.json"
        if not path.exists():
            return ()
        packed = read_record(path, StudyRuns)
        if packed.claim != claim:
            raise InputError(f"{path}: expected the runs of {claim!r}, got those of {packed.claim!r}")
        return packed.runs

    def write_plan(self, plan: StudyPlan) -> None:
        """Write what is fixed.

        Raises:
            RefusedError: it cannot be written.
        """
        self._write(self.plan, plan)

    def write_run(self, claim: str, run: StudyRun) -> None:
        """Write a run into a file of its own.

        Raises:
            RefusedError: it cannot be written.
        """
        self._write(self.runs / claim / f"{run.key}.json", run)

    def write_result(self, study: Study) -> None:
        """Write what the study has come to so far.

        Raises:
            RefusedError: it cannot be written.
        """
        self._write(self.result, study)

    def pack(self, claim: str, runs: Iterable[StudyRun]) -> None:
        """Put the runs of a complete claim into one file, and remove those of single ones.

        Raises:
            RefusedError: it cannot be written.
        """
        self._write(self.runs / f"{claim}.json", StudyRuns(claim, tuple(runs)))
        shutil.rmtree(self.runs / claim, ignore_errors=True)

    def forget(self, claim: str) -> None:
        """Remove the runs of a claim."""
        (self.runs / f"{claim}.json").unlink(missing_ok=True)
        shutil.rmtree(self.runs / claim, ignore_errors=True)

    def _write(self, path: Path, record: Record) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path, "w") as file:
                file.write(to_json(record, lines=True))
        except OSError as error:
            raise RefusedError(
                f"{path}: cannot be written ({error.strerror}); what was written before is kept",
                cure="Mend that, and run the same command again: it goes on where it was.",
            ) from error

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"the folder {self.path} cannot be made ({error.strerror})"
            raise InputError(problem, argument="out", cure="Choose another.") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise InputError(argument="out", expected="a folder that can be written to", got=str(self.path))

    def _refuse_other_files(self) -> None:
        """Refuse a folder that holds something, and no study."""
        if not self.plan.exists() and not all(is_part(entry.name) for entry in self.path.iterdir()):
            raise InputError(
                argument="out",
                expected="a new or an empty folder, or that of a study",
                got=f"{self.path}, which holds other files",
                cure="Choose another.",
            )

    def _remove_leftovers(self) -> None:
        """Remove what a killed process has left half-written."""
        remove_parts(self.path)
        if self.runs.is_dir():
            remove_parts(self.runs)
            for folder in self.runs.iterdir():
                if folder.is_dir():
                    remove_parts(folder)


def is_study(path: Path | str) -> bool:
    """Whether it is the folder of a study, however far that has come.

    Example:
        >>> is_study("nowhere")
        False
    """
    return (as_path(path, "study") / PLAN).is_file()


def read_study(path: Path | str) -> tuple[Study, dict[str, StudyRuns]]:
    """Return what a study has come to, and the runs of each of its claims by the claim's id.

    Args:
        path: its folder.

    Raises:
        InputError: it is no study's folder, no claim is complete yet, or a file cannot be read.

    Example:
        >>> read_study("nowhere")
        Traceback (most recent call last):
        batchnorm.errors.InputError: nowhere: expected the folder of a study, found none. ...
    """
    folder = StudyFolder(as_path(path, "study"))
    if folder.read_plan() is None:
        what = "one without plan.json" if folder.path.is_dir() else "none"
        cure = "`batchnorm study run` makes one."
        raise InputError(f"{folder.path}: expected the folder of a study, found {what}", cure=cure)
    study = folder.read_result()
    if study is None or not study.claims:
        cure = "Run the same `batchnorm study run` again: it goes on where it was."
        raise InputError(f"{folder.path}: no claim of this study is complete yet", cure=cure)
    return study, {claim.id: StudyRuns(claim.id, folder.read_packed(claim.id)) for claim in study.claims}
