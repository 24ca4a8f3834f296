"""Which paths may a run have, and which runs lie in a folder?"""

import contextlib
import os
from pathlib import Path

from ..errors import InputError


def refuse_odd_name(path: Path, option: str = "") -> None:
    """Raise if a path, of that argument if it is of one, is not UTF-8, for safetensors reads no file there.

    Raises:
        InputError: it is not, or holds a zero byte, which no system takes.
    """
    try:
        if "\0" not in os.fsencode(path).decode("utf-8"):
            return
    except UnicodeError:
        pass
    raise InputError(
        f"{path}: expected a path in UTF-8, for model files can be read in no other",
        argument=option,
        cure="Choose another." if option else "Rename it.",
    )


def runs_in(folder: Path, ending: str = ".safetensors") -> list[str]:
    """Return the names of the runs and model files that lie in a folder; none where it cannot be read."""
    with contextlib.suppress(OSError):
        return sorted(
            entry.name for entry in folder.iterdir() if entry.suffix == ending or (entry / "config.toml").is_file()
        )
    return []
