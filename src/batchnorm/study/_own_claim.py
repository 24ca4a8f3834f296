"""Where is a claim found: among those of the library by its id, or in a Python file of the user's?

A file is code, and is run only because its user names it. Its text is read once: other processes, and a study that goes
on later, are given that text or refuse another.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ..errors import InputError, did_you_mean, its_type
from ..files import in_short, one_line, read_text
from ._claim import Claim
from .claims import CLAIMS

NAME = "CLAIM"
"""What a file calls its claim."""
_EXAMPLE = "docs/study.md shows one."


@dataclass(frozen=True)
class ClaimSource:
    """Where a claim is found, as what other processes can be sent.

    Attributes:
        id: of a claim of the library.
        path: of a user's file.
        text: what is in it.

    Example:
        >>> ClaimSource(path="mine.py", text="CLAIM = 3").claim()
        Traceback (most recent call last):
        batchnorm.errors.InputError: mine.py: expected CLAIM to be a batchnorm.study.Claim, got an int. ...
    """

    id: str = ""
    path: str = ""
    text: str = ""

    @property
    def digest(self) -> str | None:
        """Which text it is: its SHA-256; None for a claim of the library, whose version says what it computes."""
        return hashlib.sha256(self.text.encode()).hexdigest() if self.path else None

    def claim(self) -> Claim:
        """Return the claim.

        Raises:
            InputError: the file cannot be run, or holds no claim.
        """
        if self.path:
            return _claim_in(self.path, self.text)
        return next(claim for claim in CLAIMS if claim.id == self.id)


def find_claim(name: str) -> ClaimSource:
    """Return where the claim is that a user names: by its id, or by the path of a file that ends in `.py`.

    Raises:
        InputError: there is none.

    Example:
        >>> find_claim("nowhere.py")
        Traceback (most recent call last):
        batchnorm.errors.InputError: nowhere.py: cannot be read (No such file or directory). ...
    """
    if name.endswith(".py"):
        source = ClaimSource(path=str(Path(name).absolute()), text=_text_of(name))
        _check_id(source)
        return source
    ids = [claim.id for claim in CLAIMS]
    if name not in ids:
        near = did_you_mean(name.replace("_", "-"), ids) or "`batchnorm study list` describes them."
        expected = f"one of {', '.join(ids)}, or a file of your own that ends in .py"
        raise InputError(argument="claims", expected=expected, got=repr(one_line(name, 100)), cure=near)
    return ClaimSource(id=name)


def _text_of(path: str) -> str:
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({in_short(error)})", cure="Check the path.") from None


def _check_id(source: ClaimSource) -> None:
    """Refuse an id that no folder can have, or that is a claim's of the library."""
    own = source.claim().id
    if not own or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in own):
        expected = "an id of letters, digits and hyphens"
        raise InputError(f"{source.path}: expected {expected}, got {one_line(repr(own), 100)}", cure="Rename it.")
    if own in {claim.id for claim in CLAIMS}:
        raise InputError(f"{source.path}: the id {own!r} is that of a claim of the library", cure="Give it another.")


@lru_cache(maxsize=32)
def _claim_in(path: str, text: str) -> Claim:
    found = getattr(_module(path, text), NAME, None)
    if not isinstance(found, Claim):
        got = its_type(found) if found is not None else "none"
        raise InputError(f"{path}: expected {NAME} to be a batchnorm.study.Claim, got {got}", cure=_EXAMPLE)
    return found


def _module(path: str, text: str) -> ModuleType:
    """Run a file as a module that dataclasses and pickles in it find by its name."""
    module = ModuleType(f"batchnorm_claim_{hashlib.sha256(path.encode()).hexdigest()[:16]}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    try:
        with _neighbours_importable(path):
            exec(compile(text, path, "exec"), vars(module))  # noqa: S102 - the user has named this file to be run
    except (Exception, SystemExit) as error:  # somebody's code may raise anything
        del sys.modules[module.__name__]
        said = one_line(f"{type(error).__name__}: {error}", 300)
        raise InputError(f"{path}: running it raised {said}{_where(error, path)}", cure="Mend it.") from error
    return module


def _where(error: BaseException, path: str) -> str:
    """Return the last line of the file that led to the error."""
    trace, lines = error.__traceback__, list[int]()
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" (line {lines[-1]})" if lines else ""


@contextmanager
def _neighbours_importable(path: str) -> Iterator[None]:
    """Let the file import others of its folder, as a script can."""
    folder = str(Path(path).absolute().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
