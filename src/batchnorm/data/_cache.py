"""Where do fetched data sets lie?"""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder under which each fetched data set has a folder of its own.

    `BATCHNORM_CACHE` if set, else `XDG_CACHE_HOME/batchnorm`, else `~/.cache/batchnorm`. It need
    not exist.

    Example:
        >>> os.environ["BATCHNORM_CACHE"] = "/var/cache/images"
        >>> cache_folder().as_posix()
        '/var/cache/images'
        >>> del os.environ["BATCHNORM_CACHE"]
    """
    own = os.environ.get("BATCHNORM_CACHE")
    if own:
        return Path(own).expanduser()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification: a relative path there is to be ignored.
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "batchnorm"
