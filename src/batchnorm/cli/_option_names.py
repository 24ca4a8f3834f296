"""By which words does a user of the command line ask for what the library calls an argument?"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..errors import InputError

LOADER = "leave a short last one out (drop_last=True), "
"""Advice about a loader of the caller's own; a command makes its batches itself, and none of them is short by one."""


def in_options(message: str, arguments: Iterable[str]) -> str:
    """Return a message of the library's with each argument as the option that it is at the command line.

    Written as a value that is given (`max_rounds=3`), as the place that an error is about (`out: ...`), and by itself
    where no English word is meant.

    Example:
        >>> in_options('Allow more, keep_partial=True, or take method="average".', ["method", "keep_partial"])
        'Allow more, --keep-partial, or take --method average.'
        >>> in_options("out: expected a file. See max_rounds, the tolerance.", ["out", "max_rounds", "tolerance"])
        '--out: expected a file. See --max-rounds, the tolerance.'
    """
    message = message.replace(LOADER, "")
    for name in arguments:
        option = f"--{name.replace('_', '-')}"
        message = re.sub(rf"\b{name}=True\b", option, message)
        message = re.sub(rf"\b{name}=[\"']?([\w.-]*\w)[\"']?", rf"{option} \1", message)
        message = re.sub(rf"^{name}: |(?<=expected ){name}(?= to be )", lambda at, o=option: at[0].replace(name, o), message)
        if "_" in name:
            message = re.sub(rf"(?<![\w-]){name}\b", option, message)
    return message
