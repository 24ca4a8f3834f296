"""Who runs a kernel? A team of threads, each of which takes units of work until there are none left.

Where torch's own OpenMP library can be reached, its threads are the team: they have just finished the layer before
and are awake. A team of other threads would have to share the processor with them, for they go on spinning for
milliseconds after a convolution. Elsewhere a pool of the standard library serves. Which thread does which unit changes
no bit of the result.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from ._pool import Pool

_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

Runner = Callable[[int, int, int], None]
"""What runs the kernel at an address with the arguments at an address in so many threads."""

_HOME = os.getpid()
_CHOSEN: list[Runner] = []


def run(kernel: int, arguments: int, threads: int) -> None:
    """Run a kernel to its end; in one thread it is an ordinary call."""
    if threads == 1:
        _function_at(kernel)(arguments)
    else:
        runner = _CHOSEN[-1] if _CHOSEN else runner_in(os.getpid())
        runner(kernel, arguments, threads)


@contextmanager
def use_runner(runner: Runner | None) -> Iterator[None]:
    """Let a runner of one's choice run all kernels for a while, to compare it; None changes nothing."""
    if runner is None:
        yield
        return
    _CHOSEN.append(runner)
    try:
        yield
    finally:
        _CHOSEN.pop()


def run_alone(kernel: int, arguments: int, threads: int) -> None:
    """Run a kernel in the calling thread, whatever `threads` says."""
    _function_at(kernel)(arguments)


@cache
def _function_at(kernel: int) -> Callable[[int], None]:
    """A kernel as something to call; a kernel's code stays where it is."""
    return _CALLBACK(kernel)


@cache
def runner_in(process: int) -> Runner:
    """The runner for several threads in the process of that number."""
    # A forked child has none of its parent's threads, and OpenMP would wait for them for ever.
    return (openmp() if process == _HOME else None) or pool()


def openmp() -> Runner | None:
    """Torch's own team; None where its library is not GNU's, or not to be found."""
    loaded_already = getattr(os, "RTLD_NOLOAD", None)
    if loaded_already is None:  # Windows
        return None
    for path in openmp_libraries(Path(torch.__file__).parent):
        try:
            # Only the copy that torch has loaded will do: another would have a team of its own.
            library = ctypes.CDLL(str(path), mode=loaded_already | os.RTLD_LOCAL)
            parallel = library.GOMP_parallel
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return lambda kernel, arguments, threads: parallel(kernel, arguments, threads, 0)
    return None


def openmp_libraries(torch_folder: Path) -> Iterator[Path]:
    """The files that may be the OpenMP library of a torch there: beside its own, or where wheels put what they need."""
    for folder in (torch_folder / "lib", torch_folder.with_name(f"{torch_folder.name}.libs")):
        yield from sorted(folder.glob("libgomp*.so*"))


def pool() -> Runner:
    """A pool of threads of the standard library, made as they are needed, beside the calling one."""
    return Pool(run_alone).run


def team_name() -> str:
    """Which threads the kernels run in, for people."""
    return "torch's OpenMP threads" if openmp() else "threads of the standard library"
