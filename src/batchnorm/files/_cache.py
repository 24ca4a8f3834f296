"""Where do the files lie that can be had again?"""

import os
from pathlib import Path

from ..errors import InputError


def cache_folder() -> Path:
    """The folder that holds downloaded data sets and compiled kernels.

    `BATCHNORM_CACHE` if set, else `XDG_CACHE_HOME/batchnorm`, else `~/.cache/batchnorm`. It need
    not exist.

    Raises:
        InputError: nothing says where it is.

    Example:
        >>> from unittest.mock import patch
        >>> with patch.dict(os.environ, BATCHNORM_CACHE="/var/cache/images"):
        ...     cache_folder().as_posix()
        '/var/cache/images'
    """
    own = os.environ.get("BATCHNORM_CACHE")
    if own:
        return Path(own).expanduser()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification: a relative path there is to be ignored.
    try:
        return (shared if shared.is_absolute() else Path.home() / ".cache") / "batchnorm"
    except RuntimeError:  # a user without an entry in the system's list and without HOME
        raise InputError("there is no home folder for the cache", cure="Set BATCHNORM_CACHE to a folder.") from None
