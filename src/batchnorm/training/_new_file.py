"""Where does a net go that was made of another, so that nothing of the other is touched?"""

import contextlib
import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..files import atomic_write
from ._recalibrated_files import Destination, same_file
from ._run_folder import RunFolder
from ._stopping import listen_for_stop


def check_new_file(out: Path | str | None, source: Path, *, overwrite: bool) -> Path:
    """Return the path of a file to be, before any work is done.

    Args:
        out: where the caller wants it.
        source: the file that is read.
        overwrite: the caller allows that a file at `out` is replaced, if it is not one of the run's own.

    Raises:
        InputError: nobody said where, a file is there already, it is one of a run, or the folder cannot be written.
    """
    if out is None:
        raise InputError(f"out: expected the name of a new file, for {source} stays as it is: -o FILE")
    path = Path(out)
    if same_file(path, source):
        raise InputError(f"out: {path} is the file that is read, which stays as it is; choose another")
    if path.name in _names_of_run(path.parent):
        raise InputError(f"out: {path} belongs to the run, which stays as it is; choose another")
    return Destination.plan(source, None, path, overwrite=overwrite).model


def write_new_file(path: Path, content: bytes) -> str:
    """Write a file whole or not at all, and return the digest of its bytes; a signal is heard when it is there.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    with listen_for_stop() as stop, atomic_write(path) as file:
        file.write(content)
    if stop.signal:
        signal.raise_signal(signal.Signals[stop.signal])
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def nothing_written() -> Iterator[None]:
    """Say to somebody who interrupts the work that no file has been written."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted: nothing was written") from None


def _names_of_run(path: Path) -> set[str]:
    """The files that a training or a recalibration writes, if the folder is a run's."""
    folder = RunFolder(path)
    if not folder.config.is_file():
        return set()
    models = (folder.model, folder.former_model, folder.checkpoint)
    return {file.name for file in (*models, folder.config, folder.metrics, folder.result, folder.recalibration)}
