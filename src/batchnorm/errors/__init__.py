"""Exceptions that carry as data which argument is wrong, what was expected, what was passed, and what to do next.

In Python their messages name arguments (`verify=False`), on the command line options (`--no-verify`).
"""

from ._article import its_type as its_type
from ._article import with_article as with_article
from ._exceptions import FaultError as FaultError
from ._exceptions import InputError as InputError
from ._exceptions import InputTypeError as InputTypeError
from ._exceptions import MistakeError as MistakeError
from ._exceptions import RefusedError as RefusedError
from ._exceptions import in_verb as in_verb
from ._exceptions import words_of as words_of
from ._fault import Fault as Fault
from ._fault import ForPython as ForPython
from ._fault import Say as Say
from ._fault import Sentence as Sentence
from ._fault import Setting as Setting
from ._fault import Words as Words
from ._fault import in_python as in_python
from ._fault import reworded as reworded
from ._fault import worded as worded
from ._near import did_you_mean as did_you_mean

__all__ = [
    "Fault",
    "FaultError",
    "InputError",
    "InputTypeError",
    "MistakeError",
    "RefusedError",
    "Setting",
]


def __dir__() -> list[str]:
    return __all__


for _kind in (FaultError, MistakeError, InputError, InputTypeError, RefusedError):
    _kind.__module__ = __name__  # where a traceback, and whoever catches it, names it
