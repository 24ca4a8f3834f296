"""How does a new run take the place of an old one, so that one of them is always there?

The old run is moved aside before the new one begins. It goes when the new one ends with a model and a checkpoint, from
which it can be gone on with; where the new one ends without them, it goes and the old run comes back.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..files import is_part, one_line
from ._run_folder import RunFolder
from ._run_paths import refuse_odd_name

PICTURES = "confusion_matrix*.png"
"""What `batchnorm evaluate` puts beside a run's own files."""
EVENTS = "events.out.tfevents.*"
"""What `train --log tensorboard` writes there."""
_ANOTHER = "Choose another."


def plan_in_place_of(path: Path | str) -> RunFolder:
    """Take the folder of a run to be, where an old run may lie, without touching the disk.

    Raises:
        InputError: something lies there that is no run, or not a run alone; or it cannot be moved or made.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "thesis.tex").write_text("...")
        >>> plan_in_place_of(folder)
        Traceback (most recent call last):
        batchnorm.errors.InputError: out: expected a new folder, or a run that may be replaced, got ... no run: ...
    """
    folder = RunFolder(path)
    refuse_odd_name(folder.path, "out: ")
    if not _holds_something(folder.path):
        return RunFolder.plan(path)
    fault = _why_not(folder)
    if fault:
        raise InputError(
            argument="out",
            expected="a new folder, or a run that may be replaced",
            got=f"{folder.path}, which {fault}",
            cure=_ANOTHER,
        )
    parent = folder.path.absolute().parent
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"the run in {folder.path} cannot be moved aside, for {parent} may not be written",
            argument="out",
            cure=_ANOTHER,
        )
    return folder


@contextlib.contextmanager
def in_place_of(folder: RunFolder) -> Iterator[Path | None]:
    """Move the run that lies there aside for the time of the block, and give its place; `None` where none lies.

    At the end one of the two is there, under the name of the folder: the new run if it has a model and a checkpoint,
    the old one if not. A process that is killed meanwhile leaves both, the old one in its place aside.

    Raises:
        InputError: another process trains in it.
        OSError: it cannot be moved.
    """
    if not _holds_something(folder.path):
        yield None
        return
    names = (f"{folder.path.name}.replaced{number}" for number in ("", *(f"-{count}" for count in range(2, 100))))
    aside = next(place for place in map(folder.path.with_name, names) if not os.path.lexists(place))
    with folder.held():
        folder.path.rename(aside)
    try:
        yield aside
    finally:
        _settle(folder, aside)


def _settle(folder: RunFolder, aside: Path) -> None:
    if folder.model.is_file() and folder.checkpoint.is_file():
        shutil.rmtree(aside)
        return
    if folder.path.is_dir():
        shutil.rmtree(folder.path)  # ours: it was made in the block
    aside.rename(folder.path)


def _holds_something(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.is_dir() and not all(is_part(entry.name) for entry in path.iterdir())
    return False


def _why_not(folder: RunFolder) -> str | None:
    """Return why what lies in a folder may not be replaced, as the end of a sentence; `None` if it is a run."""
    place = folder.path.absolute()
    if folder.path.is_symlink():
        return "is a link to a folder"
    if Path.cwd().is_relative_to(place.resolve()):
        return "is the present folder, or holds it"
    if not folder.config.is_file():
        return "is no run: it has no config.toml"
    try:
        folder.read_config()
    except InputError:
        return "is no run: its config.toml is not one that a training wrote"
    known = {file.name for file in folder.files}
    entries = sorted(folder.path.iterdir())
    others = [one_line(one.name) for one in entries if not _is_of_run(one, known)]
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        return f"holds what is no file of a run: {', '.join(others[:3])}{more}"
    return None


def _is_of_run(entry: Path, known: set[str]) -> bool:
    named = entry.name in known or entry.match(PICTURES) or entry.match(EVENTS) or is_part(entry.name)
    return named and (entry.is_file() or entry.is_symlink())
