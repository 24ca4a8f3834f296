"""Where does a net go that was made of another, so that nothing of the other is touched?"""

import contextlib
import hashlib
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ..errors import InputError, Setting
from ..files import atomic_write
from ._output_file import check_output
from ._run_paths import refuse_odd_name
from ._safetensors import PICKLES
from ._stopping import listen_for_stop


def check_new_file(out: Path | str | None, source: Path, *, overwrite: bool, allowed: Path | None = None) -> Path:
    """Return the path of a file to be, before any work is done.

    Args:
        out: where the caller wants it.
        source: the file that is read.
        overwrite: the caller allows that a file at `out` is replaced, if it is not one of a run's own.
        allowed: the one file of a run that may be written.

    Raises:
        InputError: nobody said where, a file is there already, it is one of a run, or the folder cannot be written.
    """
    if out is None:
        raise InputError(
            argument="out",
            expected=f"the name of a new file, for {source} stays as it is",
            got="none",
            cure=("Pass ", Setting("out", "FILE"), "."),
        )
    refuse_odd_name(Path(out), "out")
    check_output(out, reads=[source], overwrite=overwrite, allowed=allowed)
    return Path(out)


def refuse_pickle_name(out: Path | str | None) -> None:
    """Refuse a name that promises a file of `torch.save` where safetensors are written: torch.load could not read it.

    Raises:
        InputError: the name ends as those of torch.save do.
    """
    if out is not None and Path(out).suffix in PICKLES:
        cure = f"Use {Path(out).with_suffix('.safetensors')}."
        raise InputError(argument="out", expected="a name ending in .safetensors", got=str(out), cure=cure)


def refuse_other_name(out: Path) -> None:
    """Refuse a name that does not say which of the two kinds of files is to be written.

    Raises:
        InputError: it ends in neither way.
    """
    if out.suffix not in (".safetensors", *PICKLES):
        raise InputError(
            argument="out",
            expected=f"a name ending in .safetensors, or, for torch.load, in {', '.join(PICKLES[:2])}",
            got=str(out),
            cure=f"Use {out.with_suffix('.safetensors')}.",
        )


def write_new_file(path: Path, content: bytes) -> str:
    """Write a file whole or not at all, and return the digest of its bytes; a signal is heard when it is there.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    write_together({path: content})
    return hashlib.sha256(content).hexdigest()


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write all files, or, where that fails, none; they take their names in the order in which they are given.

    All bytes are on the disk before the first file takes its name, and a signal is heard when the last one has.

    Raises:
        OSError: the disk is full, or a folder cannot be written.
    """
    with listen_for_stop() as stop, contextlib.ExitStack() as opened:
        for path, content in reversed([*files.items()]):  # what is opened last takes its name first
            _put(opened.enter_context(atomic_write(path)), content)
    if stop.signal:
        signal.raise_signal(signal.Signals[stop.signal])


def _put(file: IO[Any], content: bytes) -> None:
    """Write down to the disk, so that a full one is met before any file takes its name."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def nothing_written() -> Iterator[None]:
    """Say to somebody who interrupts the work that no file has been written."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted: nothing was written") from None
