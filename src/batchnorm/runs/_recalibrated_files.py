"""Where does a recalibrated model go, so that nothing is lost, whatever happens while it is written?"""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError, Setting
from ..records import RunRecalibration, TrainResult, to_json
from ._new_file import check_new_file, refuse_pickle_name, write_together
from ._output_file import same_file
from ._run_folder import RunFolder

_WHERE = ("Say where the recalibrated model is to go: ", Setting("out", "FILE"), ".")


@dataclass(frozen=True, slots=True)
class Destination:
    """The files that are written: the model, and in place its record, the former model and the result beside it."""

    model: Path
    record: Path | None = None
    former: Path | None = None
    result: Path | None = None

    @classmethod
    def in_place(cls, folder: RunFolder) -> "Destination":
        """Replace the model of a run."""
        return cls(folder.model, folder.recalibration, folder.former_model, folder.result)

    @classmethod
    def plan(cls, source: Path, folder: RunFolder | None, out: Path | str | None, *, overwrite: bool) -> "Destination":
        """Say where the model of the file `source` goes, before any work is done.

        Args:
            source: the model's file.
            folder: the run that it belongs to.
            out: where the caller wants it; `None` replaces the model of `folder`.
            overwrite: the caller allows that a file at `out` is replaced.

        Raises:
            InputError: nobody said where, a file is there already or one of a run, or the folder cannot be written.
        """
        if out is None:
            if folder is None or not same_file(source, folder.model):
                raise InputError(
                    argument="out",
                    expected=(
                        f"the name of a new file, for {source} is not the model of a run, which keeps its former "
                        "statistics beside it"
                    ),
                    got="none",
                    cure=_WHERE,
                )
            destination = cls.in_place(folder)
            parent = destination.model.parent
            if not os.access(parent, os.W_OK | os.X_OK):
                raise InputError(f"{parent} is not a folder that can be written to", cure=_WHERE)
            return destination
        if folder is not None and same_file(Path(out), folder.model):
            raise InputError(
                f"{out} is the run's own model",
                argument="out",
                cure=("Leave ", Setting("out"), " out: then the former model is kept, too."),
            )
        model = check_new_file(out, source, overwrite=overwrite)
        refuse_pickle_name(model)
        return cls(model)

    def write(self, content: bytes, record: RunRecalibration, result: TrainResult | None = None) -> RunRecalibration:
        """Write all files, or, where that fails, none; return the record with what it says of them.

        Args:
            content: the model's file.
            record: what was done.
            result: of the run, with what its model reaches now; `None` leaves it alone.

        The former model is kept once: a second recalibration does not replace the statistics of the training by those
        of the first. The model comes behind what says of it how it was: a crash before leaves the model that was there;
        and ahead of the result, which never speaks of a model that did not come.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        present = self._recalibrated()
        keep = self.former is not None and not present
        kept = self.former if keep or (self.former and self.former.is_file()) else None
        record = replace(
            record, written=str(self.model), sha256=digest, kept=str(kept) if kept else None, replaced=present
        )
        files: dict[Path, bytes] = {}
        if keep and self.former:
            files[self.former] = self.model.read_bytes()
        if self.record:
            files[self.record] = (to_json(record) + "\n").encode()
        files[self.model] = content
        if self.result and result:
            files[self.result] = (to_json(result) + "\n").encode()
        write_together(files)
        return record

    def _recalibrated(self) -> str | None:
        """The digest of the present model, if it is one that was written here: then the former one is kept already.

        The record takes its name before the model does. After a crash in between it speaks of a model that never came,
        and the present one is that which was to be replaced.
        """
        if not (self.former and self.former.is_file() and self.record and self.record.is_file()):
            return None
        try:
            said = json.loads(self.record.read_text(encoding="utf-8"))
            written = (said["sha256"], said.get("replaced"))
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
        ):  # one that cannot be read says nothing
            return None
        present = hashlib.sha256(self.model.read_bytes()).hexdigest()
        return present if present in written else None
