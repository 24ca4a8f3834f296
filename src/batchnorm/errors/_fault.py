"""What does a message say, before it is known to whom?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Union


@dataclass(frozen=True, slots=True)
class Setting:
    """An argument inside a sentence, with a value if one is meant; `of` is the verb that it is of, if it is of one.

    Example:
        >>> in_python(Setting("verify", False)), in_python(Setting("out"))
        ('verify=False', 'out')
    """

    name: str
    value: Any = ...
    of: str = ""


@dataclass(frozen=True, slots=True)
class ForPython:
    """A part of a sentence that makes sense in Python only; other readers are told `otherwise`.

    Example:
        >>> cure = ("Use larger batches", ForPython(", or drop_last=True"), ".")
        >>> worded(cure), worded(cure, str)
        ('Use larger batches, or drop_last=True.', 'Use larger batches.')
    """

    text: str
    otherwise: "Words" = ""


Say = Callable[[Setting], str]
Part = Union[str, Setting, ForPython, "Fault", "tuple[Part, ...]"]
Words = Part
"""A sentence, or part of one, in which arguments are named so that each reader is told them in his own way."""


def in_python(setting: Setting) -> str:
    """Word a setting as a caller in Python writes it."""
    return setting.name if setting.value is ... else f"{setting.name}={setting.value!r}"


def worded(words: Words, say: Say | None = None) -> str:
    """Return the sentence for a reader.

    Args:
        words: what is said.
        say: words a setting for the reader; `None` for a caller in Python.
    """
    if isinstance(words, tuple):
        return "".join(worded(part, say) for part in words)
    if isinstance(words, str):
        return words
    if isinstance(words, Setting):
        return (say or in_python)(words)
    if isinstance(words, ForPython):
        return words.text if say is None else worded(words.otherwise, say)
    return words.text(say, with_verb=False)


def reworded(words: Words, change: Callable[[Setting], Words]) -> Words:
    """Return the sentence with other words in the place of its settings, where another verb is asked for the same.

    Example:
        >>> cure = ("Use ", Setting("method", "average"), ".")
        >>> worded(reworded(cure, lambda setting: Setting("recalibrate", setting.value)))
        "Use recalibrate='average'."
    """
    if isinstance(words, tuple):
        return tuple(reworded(part, change) for part in words)
    if isinstance(words, Setting):
        return change(words)
    if isinstance(words, ForPython):
        return replace(words, otherwise=reworded(words.otherwise, change))
    if isinstance(words, Fault):
        expected, problem, cure = (reworded(part, change) for part in (words.expected, words.problem, words.cure))
        return replace(words, expected=expected, problem=problem, cure=cure)
    return words


class Sentence(str):
    """A note in which arguments are named: as text it is for Python, `worded(note.words, say)` is for other readers.

    Example:
        >>> note = Sentence("all are kept: ", Setting("verify", False))
        >>> note, worded(note.words, lambda setting: f"--no-{setting.name}")
        ('all are kept: verify=False', 'all are kept: --no-verify')
    """

    words: Words

    def __new__(cls, *words: Part) -> "Sentence":
        """Word it for Python, and keep the words."""
        self = super().__new__(cls, worded(words))
        self.words = words
        return self


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

    def text(self, say: Say | None = None, *, with_verb: bool = True) -> str:
        """Word it.

        Args:
            say: words an argument, or one with its value, for the reader, or as nothing, if he knows of none;
                `None` for a caller in Python.
            with_verb: begin with the verb, for a reader who may have called several.
        """
        subject = f"{self.verb}: " if with_verb and self.verb else ""
        if self.argument and (named := (say or in_python)(Setting(self.argument, of=self.verb))):
            subject += f"{named}: "
        said = worded(self.problem, say)
        if self.expected:
            said += ("; " if said else "") + f"expected {worded(self.expected, say)}"
        if self.got:
            said += f"{', ' if said else ''}got {self.got}"
        cure = worded(self.cure, say).strip()
        if cure:
            said += f"{'' if not said or said.endswith(('.', '?', '!')) else '.'} {cure}"
        return subject + said.strip()
