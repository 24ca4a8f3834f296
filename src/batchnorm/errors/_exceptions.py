"""Which exceptions carry a fault, and who is to blame?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

from ._fault import Fault, Words


class FaultError(Exception):
    """An exception that says what is wrong as data (`fault`); `str` words it for Python.

    Args:
        problem: what is wrong, in a sentence without its full stop, where there is nothing expected and got.
        parts: the other parts of a `Fault`.

    Example:
        >>> error = InputError(argument="epochs", expected="an integer of at least 1", got="-1")
        >>> str(error), error.fault.argument
        ('epochs: expected an integer of at least 1, got -1', 'epochs')
    """

    def __init__(self, problem: Words = "", **parts: Any) -> None:
        self.fault = Fault(problem=problem, **parts)
        super().__init__(problem)

    @classmethod
    def of(cls, *faults: Fault) -> Self:
        """Make it of one fault, or of several, each of which is a line.

        Example:
            >>> raise InputError.of(Fault(argument="lr", problem="is not finite"), Fault(argument="seed", got="-1"))
            Traceback (most recent call last):
            batchnorm.errors.InputError: lr: is not finite
            seed: got -1
        """
        error = cls(tuple(part for fault in faults for part in ("\n", fault))[1:])
        if len(faults) == 1:
            error.fault = faults[0]
        return error

    def __str__(self) -> str:
        return self.fault.text()

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (type(self), self.fault)


class MistakeError(FaultError):
    """A mistake of the caller: an argument, a file or a model cannot be used. The command line exits with 2."""


class InputError(MistakeError, ValueError):
    """An argument, an option, a file or a model that was passed cannot be used.

    Example:
        >>> raise InputError(argument="epochs", expected="an integer of at least 1", got="-1")
        Traceback (most recent call last):
        batchnorm.errors.InputError: epochs: expected an integer of at least 1, got -1
    """


class InputTypeError(MistakeError, TypeError):
    """An argument is of a type that cannot be used."""


class RefusedError(FaultError, RuntimeError):
    """The request could not be carried out, or not correctly; everything is as it was before."""


def words_of(error: BaseException) -> Words:
    """Return what an exception says, to be said within another sentence.

    Example:
        >>> raise InputError(("net.pt: ", words_of(RefusedError(argument="out", expected="a file", got="a folder"))))
        Traceback (most recent call last):
        batchnorm.errors.InputError: net.pt: out: expected a file, got a folder
    """
    return error.fault if isinstance(error, FaultError) else str(error)


@contextmanager
def in_verb(name: str) -> Iterator[None]:
    """Name the verb in the faults that are raised inside, unless one nearer to them did.

    Example:
        >>> with in_verb("fold"):
        ...     raise RefusedError("the model draws random numbers")
        Traceback (most recent call last):
        batchnorm.errors.RefusedError: fold: the model draws random numbers
    """
    try:
        yield
    except FaultError as error:
        if not error.fault.verb:
            error.fault = replace(error.fault, verb=name)
        raise


def _made_again(kind: type[FaultError], fault: Fault) -> FaultError:
    error = kind.__new__(kind)
    FaultError.__init__(error)
    error.fault = fault
    return error
