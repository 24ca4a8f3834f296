"""What has a command come to: its exit code, and what its user is told?"""

from dataclasses import dataclass

from ._streams import warn


@dataclass(frozen=True)
class Outcome:
    """What a command has come to.

    Attributes:
        code: the exit code.
        words: what is said to its user, beyond what it has printed; empty for nothing.
        lost: it ended because another process failed.
    """

    code: int
    words: str = ""
    lost: bool = False

    def say(self, name: str) -> int:
        """Say it for the command of that name, and return the code."""
        if self.words:
            warn(f"{name}: {self.words}")
        return self.code
