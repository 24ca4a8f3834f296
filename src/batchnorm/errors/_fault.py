"""What does a message say, before it is known to whom?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """An argument inside a sentence, with a value if one is meant.

    Example:
        >>> in_python(Setting("verify", False)), in_python(Setting("out"))
        ('verify=False', 'out')
    """

    name: str
    value: Any = ...


Words = str | Setting | tuple[str | Setting, ...]
"""A sentence, or part of one, in which arguments are named so that each reader is told them in his own way."""


def in_python(setting: Setting) -> str:
    """Word a setting as a caller in Python writes it."""
    return setting.name if setting.value is ... else f"{setting.name}={setting.value!r}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong.

    Attributes:
        verb: the function that was asked, such as `recalibrate`; empty where none has a name for the caller.
        argument: what of it is wrong, by the name of the argument.
        expected: what it should have been, to be read behind "expected".
        got: what it was, to be read behind "got".
        problem: what is wrong where nothing was expected and got: a sentence without its full stop.
        cure: what to do next, a sentence with its full stop.

    Example:
        >>> fault = Fault("recalibrate", "max_rounds", "an integer of at least 1", "0", cure="Leave it out for all.")
        >>> print(fault.text())
        recalibrate: max_rounds: expected an integer of at least 1, got 0. Leave it out for all.
        >>> print(fault.text(lambda setting: "--" + setting.name.replace("_", "-"), with_verb=False))
        --max-rounds: expected an integer of at least 1, got 0. Leave it out for all.
    """

    verb: str = ""
    argument: str = ""
    expected: Words = ""
    got: str = ""
    problem: Words = ""
    cure: Words = ""

    def text(self, say: Callable[[Setting], str] = in_python, *, with_verb: bool = True) -> str:
        """Word it.

        Args:
            say: words an argument, or one with its value, for the reader.
            with_verb: begin with the verb, for a reader who may have called several.
        """
        subject = f"{self.verb}: " if with_verb and self.verb else ""
        if self.argument:
            subject += f"{say(Setting(self.argument))}: "
        said = _worded(self.problem, say)
        if self.expected:
            said += ("; " if said else "") + f"expected {_worded(self.expected, say)}"
        if self.got:
            said += f", got {self.got}"
        cure = _worded(self.cure, say).strip()
        if cure:
            said += f"{'' if not said or said.endswith(('.', '?', '!')) else '.'} {cure}"
        return subject + said.strip()


def _worded(words: Words, say: Callable[[Setting], str]) -> str:
    parts = words if isinstance(words, tuple) else (words,)
    return "".join(part if isinstance(part, str) else say(part) for part in parts)
