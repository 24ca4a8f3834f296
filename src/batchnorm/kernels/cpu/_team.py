"""Who runs a kernel? A team of threads, each of which takes units of work until there are none left.

Where torch's own OpenMP library can be reached, its threads are the team: they have just finished the layer before
and are awake. A team of other threads would have to share the processor with them, for they go on spinning for
milliseconds after a convolution. Elsewhere a pool of the standard library serves. Which thread does which unit changes
no bit of the result.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch

_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

Runner = Callable[[int, int, int], None]
"""What runs the kernel at an address with the arguments at an address in so many threads."""

_HOME = os.getpid()


def run(kernel: int, arguments: int, threads: int) -> None:
    """Run a kernel to its end; in one thread it is an ordinary call."""
    # A forked child has none of its parent's threads: OpenMP would wait for them for ever.
    if threads == 1 or os.getpid() != _HOME:
        run_alone(kernel, arguments, 1)
    else:
        runner()(kernel, arguments, threads)


def run_alone(kernel: int, arguments: int, threads: int) -> None:
    """Run a kernel in the calling thread, whatever `threads` says."""
    _CALLBACK(kernel)(arguments)


@cache
def runner() -> Runner:
    """The runner for several threads."""
    return openmp() or pool()


def openmp() -> Runner | None:
    """Torch's own team; None where its library is not GNU's, or not to be found."""
    for path in (Path(torch.__file__).parent / "lib").glob("libgomp*.so*"):
        try:
            # Loaded already, by torch: RTLD_NOLOAD makes sure that it is no second copy, with a team of its own.
            library = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_GLOBAL)
            parallel = library.GOMP_parallel
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return lambda kernel, arguments, threads: parallel(kernel, arguments, threads, 0)
    return None


def pool() -> Runner:
    """A pool of threads of the standard library, made as they are needed, beside the calling one."""
    executors: dict[int, ThreadPoolExecutor] = {}
    lock = threading.Lock()

    def with_pool(kernel: int, arguments: int, threads: int) -> None:
        with lock:
            executor = executors.setdefault(threads, ThreadPoolExecutor(threads - 1, "batchnorm"))
        futures: list[Future[None]] = []
        # An interpreter that is ending takes no new work: what was taken, and this thread, do it all.
        with suppress(RuntimeError):
            futures.extend(executor.submit(run_alone, kernel, arguments, 1) for _ in range(threads - 1))
        run_alone(kernel, arguments, 1)
        for future in futures:
            if not future.cancel():  # the arguments must outlive every thread that may still read them
                future.result()

    return with_pool


def team_name() -> str:
    """Which threads the kernels run in, for people."""
    return "torch's OpenMP threads" if openmp() else "threads of the standard library"
