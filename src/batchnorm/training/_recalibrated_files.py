"""Where does a recalibrated model go, so that nothing is lost, whatever happens while it is written?"""

import contextlib
import hashlib
import json
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from ..errors import InputError
from ..files import atomic_write
from ..records import RunRecalibration, to_json
from ._run_folder import RunFolder
from ._stopping import listen_for_stop


@dataclass(frozen=True, slots=True)
class Destination:
    """The files that are written: the model, and in place its record and the former model beside it."""

    model: Path
    record: Path | None = None
    former: Path | None = None

    @classmethod
    def in_place(cls, folder: RunFolder) -> "Destination":
        """Replace the model of a run."""
        return cls(folder.model, folder.recalibration, folder.former_model)

    @classmethod
    def plan(cls, source: Path, folder: RunFolder | None, out: Path | None, *, overwrite: bool) -> "Destination":
        """Say where the model of the file `source` goes, before any work is done.

        Args:
            source: the model's file.
            folder: the run that it belongs to.
            out: where the caller wants it; `None` replaces the model of `folder`.
            overwrite: the caller allows that a file at `out` is replaced.

        Raises:
            InputError: nobody said where, a file is there already, or the folder cannot be written.
        """
        if out is None:
            if folder is None or not same_file(source, folder.model):
                raise InputError(
                    f"out: expected the name of a new file, for {source} is not the model of a run, which keeps its "
                    "former statistics beside it; say where the recalibrated model is to go: --out FILE"
                )
            destination, option = cls.in_place(folder), ""
        else:
            destination, option = cls(out), "out: "
            if folder is not None and same_file(out, folder.model):
                raise InputError(f"out: {out} is the run's own model; leave --out out, then the old one is kept, too")
            _refuse(out, overwrite=overwrite)
        parent = destination.model.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            advice = "choose another" if out else "say where the recalibrated model is to go: --out FILE"
            raise InputError(f"{option}{parent} is no folder that may be written; {advice}")
        return destination

    def write(self, content: bytes, record: RunRecalibration) -> RunRecalibration:
        """Write all files, or, where that fails, none; return the record with what it says of them.

        The former model is kept once: a second recalibration does not replace the statistics of the training by those
        of the first. All bytes are on the disk before the first file takes its name, a signal is heard when the last
        one has, and the model is the last: a crash in between leaves the model that was there.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        keep = self.former is not None and not self._is_recalibrated()
        kept = self.former if keep or (self.former and self.former.is_file()) else None
        record = replace(record, written=str(self.model), sha256=digest, kept=str(kept) if kept else None)
        with listen_for_stop() as stop, contextlib.ExitStack() as files:
            # What is opened last takes its name first.
            _put(files.enter_context(atomic_write(self.model)), content)
            if self.record:
                _put(files.enter_context(atomic_write(self.record)), (to_json(record) + "\n").encode())
            if keep and self.former:
                _put(files.enter_context(atomic_write(self.former)), self.model.read_bytes())
        if stop.signal:
            signal.raise_signal(signal.Signals[stop.signal])
        return record

    def _is_recalibrated(self) -> bool:
        """Whether the present model is one that was written here, so that the former one is kept already."""
        if not (self.former and self.former.is_file() and self.record and self.record.is_file()):
            return False
        try:
            said = json.loads(self.record.read_text(encoding="utf-8"))["sha256"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # a record that cannot be read says nothing
            return False
        return bool(said == hashlib.sha256(self.model.read_bytes()).hexdigest())


def _put(file: IO[Any], content: bytes) -> None:
    """Write down to the disk, so that a full one is met before any file takes its name."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths are one file that exists."""
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _refuse(out: Path, *, overwrite: bool) -> None:
    try:
        is_folder, is_file = out.is_dir(), out.exists()
    except OSError as error:
        raise InputError(f"out: {out} cannot be made ({error.strerror}); choose another") from None
    if is_folder:
        raise InputError(f"out: expected the name of a file, {out} is a folder; choose another")
    if is_file and not overwrite:
        raise InputError(f"out: {out} is there already; choose another, or allow it to be replaced: --overwrite")
