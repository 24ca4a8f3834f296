"""How are many kernels compiled at once? By other processes, each of which takes one after the other and keeps it.

They are started anew, never forked, and know of kernels by their names only. When this process is interrupted or
killed they end.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import torch

from ._compiler import address_of, is_kept, path_of
from ._numba import Kernel

MOST = 4
"""Processes: each needs some 600 MB."""
FEWEST = 8
"""Kernels for which it is worth while to start processes: each takes two seconds to be ready."""

GRACE = 3.0
"""Seconds that a worker has to end by itself."""

_PROGRAM = f"import sys, json; sys.path[:] = json.loads(sys.argv[1]); from {__name__} import serve; serve()"


def compiled_by_others(kernels: Sequence[Kernel]) -> Iterator[Kernel]:
    """Have kernels compiled and kept; yield each when it is. Those that failed, or that nobody took, are left out."""
    count = min(MOST, torch.get_num_threads(), len(kernels) // (FEWEST // 2))
    if count < 2 or not _can_be_kept(kernels[0]) or not _is_python():
        return
    tasks, kept = deque(kernels), SimpleQueue[Kernel | None]()
    with _processes(count) as workers:
        try:
            for i, worker in enumerate(workers):
                # Kernels beside each other have steps in common, which a process compiles once: half the workers
                # begin at the end.
                take = tasks.pop if i % 2 else tasks.popleft
                threading.Thread(target=_feed, args=(worker, take, kept), daemon=True).start()
            for _ in workers:
                yield from iter(kept.get, None)  # one after the other says that it has ended, in whatever order
        finally:
            tasks.clear()


def _feed(worker: "subprocess.Popen[str]", take: Callable[[], Kernel], kept: "SimpleQueue[Kernel | None]") -> None:
    """Give a worker one kernel after the other, until there are none or it has died; None says so."""
    with suppress(IndexError, OSError, ValueError):
        while worker.stdin and worker.stdout:
            kernel = take()
            worker.stdin.write(json.dumps(kernel) + "\n")
            worker.stdin.flush()
            if worker.stdout.readline().strip() != str(kernel):
                break
            kept.put(kernel)
    kept.put(None)


@contextmanager
def _processes(count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """So many workers, or as many as can be started, which have ended when the block has."""
    # -P: no file in the present folder is taken for a module.
    command = [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path)]
    workers: list[subprocess.Popen[str]] = []
    try:
        with suppress(OSError):
            for _ in range(count):
                workers.append(
                    subprocess.Popen(  # noqa: S603  # our own program
                        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                    )
                )
        yield workers
    finally:
        for worker in workers:
            _end(worker)


def _end(worker: "subprocess.Popen[str]") -> None:
    """Let a worker finish the kernel that it has begun, but not wait for it long."""
    with suppress(OSError):
        if worker.stdin:
            worker.stdin.close()
    try:
        worker.wait(timeout=GRACE)
    except subprocess.TimeoutExpired:
        worker.terminate()
    with suppress(OSError), worker:  # closes the pipes
        pass


def serve() -> None:
    """What a worker does: read names of kernels, compile, answer."""
    with suppress(KeyboardInterrupt):  # the one that gives the work has heard it, too
        for line in sys.stdin:
            room, make, dtype, options = json.loads(line)
            kernel = Kernel(room, make, dtype, tuple(options))
            address_of(kernel)
            if not is_kept(kernel):
                break
            print(kernel, flush=True)  # noqa: T201  # the answer


def _can_be_kept(kernel: Kernel) -> bool:
    """Whether the folder can be written: else nobody would have anything of what another process has compiled."""
    path = path_of(kernel)
    try:
        folder = path.parent if path else Path()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return path is not None
    except OSError:
        return False


def _is_python() -> bool:
    """Whether `sys.executable` is one that takes a program, and not an application with a Python inside."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)
