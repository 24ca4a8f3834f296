"""By which option does a user of the command line ask for what the library calls an argument?"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..errors import InputError, Setting

LOADER = "leave a short last one out (drop_last=True), "
"""Advice about a loader of the caller's own; a command makes its batches itself, and none is too short."""

NO_WORDS = {"tolerance"}
"""Arguments without an underscore that no message means as a word of English."""


_CALLED = {"dataset": "data"}
"""Arguments whose options have other names."""


def in_option(setting: Setting) -> str:
    """Word an argument, or one with its value, as the option that asks for it.

    Example:
        >>> in_option(Setting("verify", False)), in_option(Setting("dataset", "mnist"))
        ('--no-verify', '--data mnist')
    """
    name = _CALLED.get(setting.name, setting.name).replace("_", "-")
    if setting.value is False:
        return f"--no-{name}"
    return f"--{name}" if setting.value is ... or setting.value is True else f"--{name} {setting.value}"


def in_options(message: str, arguments: Iterable[str]) -> str:
    """Return a message of the library's with options in the place of these arguments.

    Where one is given a value (`max_rounds=3`), is what an error is about (`out: ...`), or cannot be a word of English.

    Example:
        >>> in_options('Allow more, keep_partial=True, or method="average".', ["method", "keep_partial"])
        'Allow more, --keep-partial, or --method average.'
        >>> in_options("out: expected max_rounds of at least 3 for runs/max_rounds/model", ["out", "max_rounds"])
        '--out: expected --max-rounds of at least 3 for runs/max_rounds/model'
    """
    message = message.replace(LOADER, "")
    for name in arguments:
        option = f"--{name.replace('_', '-')}"
        message = re.sub(rf"\b{name}=True\b", option, message)
        message = re.sub(rf"\b{name}=([\"']?)([\w.-]*\w)\1", rf"{option} \2", message)
        message = re.sub(rf"^{name}: ", f"{option}: ", message)
        if "_" in name or name in NO_WORDS:
            message = re.sub(rf"(?<![\w./-]){name}(?![\w/-])", option, message)
    return message


@contextmanager
def errors_in_options(arguments: Iterable[str]) -> Iterator[None]:
    """Word what is raised inside by options, if it is the caller's mistake or a refusal of `recalibrate`."""
    try:
        yield
    except InputError as error:
        raise InputError(in_options(error.fault.text(in_option, with_verb=False), arguments)) from error
    except RuntimeError as error:
        if not str(error.__cause__).startswith("recalibrate: "):
            raise  # a net's own words
        raise RuntimeError(in_options(str(error), arguments)) from error.__cause__
