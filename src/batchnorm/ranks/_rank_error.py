"""What is raised where another process failed, and with which code does a process end?"""

from typing import Any

from ..errors import MistakeError, RefusedError, Words

INTERRUPTED = 130
"""The exit code of a process that ends by Ctrl-C or SIGTERM."""


class RankError(RefusedError):
    """Another process failed.

    Attributes:
        code: the exit code of a command that ends by it: the other process's, if it is known.
        silent: a third one tells the user.
    """

    def __init__(self, problem: Words = "", *, code: int = 1, silent: bool = False, **parts: Any) -> None:
        super().__init__(problem, **parts)
        self.code, self.silent = code, silent


def code_of(error: BaseException) -> int:
    """Return the exit code of a process that ends by an error.

    Example:
        >>> code_of(KeyboardInterrupt()), code_of(OSError()), code_of(RankError(code=2))
        (130, 1, 2)
    """
    if isinstance(error, RankError):
        return error.code
    if isinstance(error, MistakeError):
        return 2
    return 1 if isinstance(error, Exception) else INTERRUPTED
