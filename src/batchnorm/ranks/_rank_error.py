"""What is raised where another process failed?"""

from typing import Any

from ..errors import RefusedError, Words

INTERRUPTED = 130
"""The exit code of a process that ends by Ctrl-C or SIGTERM."""


class RankError(RefusedError):
    """Another process failed.

    Attributes:
        code: the exit code of a command that ends by it: the other process's, if it is known.
    """

    def __init__(self, problem: Words = "", *, code: int = 1, **parts: Any) -> None:
        super().__init__(problem, **parts)
        self.code = code
