"""Where does a kernel's machine code come from? From this process, from the cache in the user's folder, or from Numba.

Numba compiles a kernel once per machine, in about a second, and its code is kept as a file. Where nothing can be
written every process compiles for itself.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from .._unusable import UnusableKernelsError
from . import _numba, _objects
from ._numba import Kernel

__all__ = ["Kernel", "UnusableKernelsError", "address_of", "available", "is_kept", "path_of", "why_unavailable"]

_ADDRESSES: dict[Kernel, int] = {}
_KEPT: list[Any] = []  # Numba's functions, where only they own the code
_BROKEN: list[str] = []  # why Numba or llvmlite cannot be used, once that is known
_TRIED: list[bool] = []  # whether llvmlite has been imported
_LOCK = threading.RLock()
_INSTALLED = find_spec("numba") is not None and find_spec("llvmlite") is not None

if hasattr(os, "register_at_fork"):
    # A child has no thread that would finish what another one was compiling: the fork waits for it.
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


def available() -> bool:
    """Whether kernels can be used."""
    return why_unavailable() is None


def why_unavailable() -> str | None:
    """What is missing, or broken; None if nothing is known to be.

    Numba itself is imported when something is to be compiled, not sooner; if that fails, it is known from then on.
    """
    if not _INSTALLED:
        return "numba, which is not installed (pip install numba)"
    if not (_TRIED or torch.compiler.is_compiling()):  # a compiler does not follow an import
        _TRIED.append(True)
        _BROKEN.extend(_faults_of_llvmlite())
    return _BROKEN[0] if _BROKEN else None


def _faults_of_llvmlite() -> Iterator[str]:
    try:
        import llvmlite.binding  # noqa: F401  # whether it can be
    except (ImportError, OSError) as error:
        yield f"llvmlite, which cannot be imported: {error} (pip install --upgrade numba)"


def address_of(kernel: Kernel) -> int:
    """The address of a kernel's code, compiled at the first call.

    Raises:
        UnusableKernelsError: Numba or llvmlite is needed, and cannot be imported.
    """
    address = _ADDRESSES.get(kernel)
    if address is not None:
        return address
    with _LOCK:
        if kernel not in _ADDRESSES:
            _ADDRESSES[kernel] = _load(kernel) or _compile(kernel)
        return _ADDRESSES[kernel]


def path_of(kernel: Kernel) -> Path | None:
    """The file that holds a kernel's code, or will; None without a home folder."""
    place = _objects.folder()
    return None if place is None else place / f"{kernel}.o"


def is_kept(kernel: Kernel) -> bool:
    """Whether there is such a file."""
    path = path_of(kernel)
    return path is not None and path.exists()


def _load(kernel: Kernel) -> int | None:
    missing = why_unavailable()
    if missing is not None:
        raise UnusableKernelsError(f"the kernels need {missing}. Take route='native', which needs nothing.")
    path = path_of(kernel)
    return None if path is None else _objects.load(path)


def _compile(kernel: Kernel) -> int:
    path = path_of(kernel)
    with NOTICE.of_waiting(path):
        try:
            made = _numba.make_kernel(kernel)
        except (ImportError, OSError) as error:
            _BROKEN.append(f"numba, which is installed but cannot be imported: {error} (pip install --upgrade numba)")
            raise UnusableKernelsError(
                f"the kernels need {_BROKEN[0]}. Take route='native', which needs nothing."
            ) from error
    address = _objects.link(made.symbol, made.code)
    if address is None:  # not as a file would be; but Numba has it in memory
        _KEPT.append(made.owner)
        return made.address
    if path is not None:
        _objects.save(path, made.symbol, made.code)
    return address


class Notice:
    """The one line that a process says, on the standard error, when compiling makes its user wait."""

    def __init__(
        self,
        patience: float = 2.0,
        clock: Callable[[], float] = time.perf_counter,
        timer: Callable[[float, Callable[[], None]], Any] = threading.Timer,
    ) -> None:
        self.left = patience  # seconds
        self.clock, self.timer = clock, timer
        self.told = False

    @contextmanager
    def of_waiting(self, path: Path | None) -> Iterator[None]:
        """Say it as soon as this block and those before have taken longer than the patience."""
        if self.told:
            yield
            return
        start = self.clock()
        timer = self.timer(max(self.left, 0.0), lambda: self._say(path))
        timer.daemon = True
        with suppress(RuntimeError):  # an interpreter that is ending starts no thread
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self.left -= self.clock() - start

    def _say(self, path: Path | None) -> None:
        if self.told or sys.stderr is None:
            return
        self.told = True
        where = f"kept in {path.parent}" if path else "not kept: there is no home folder; BATCHNORM_CACHE names another"
        with suppress(OSError, ValueError):  # a closed stream is no reason to fail
            print(f"batchnorm: compiling CPU kernels, once for this machine ({where})", file=sys.stderr)  # noqa: T201


NOTICE = Notice()
