"""How do threads of the standard library help with a kernel, where there is no OpenMP?"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

MOST = 1024
"""Threads of a pool; they are started when all others are at work."""


class Job:
    """One run of a kernel. Threads may join until the one that began it has found no more work."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.changed = threading.Condition()
        self.inside = 0
        self.over = False

    def join(self) -> None:
        """Help, unless it is over."""
        with self.changed:
            if self.over:
                return
            self.inside += 1
        try:
            self.work()
        finally:
            with self.changed:
                self.inside -= 1
                self.changed.notify()

    def end(self) -> None:
        """Let nobody join any more, and wait for those that are inside: then its arguments may go."""
        interrupt = None
        while True:
            try:
                with self.changed:
                    self.over = True
                    while self.inside:
                        self.changed.wait()
                break
            except KeyboardInterrupt as error:  # the arguments must outlive every thread that reads them
                interrupt = error
        if interrupt:
            raise interrupt


class Pool:
    """Threads that help the calling one; `run_alone(kernel, arguments, 1)` is what each of them does."""

    def __init__(self, run_alone: Callable[[int, int, int], None]) -> None:
        self.run_alone = run_alone
        self.helpers = ThreadPoolExecutor(MOST, "batchnorm")

    def run(self, kernel: int, arguments: int, threads: int) -> None:
        """Run a kernel to its end in at most so many threads."""
        job = Job(lambda: self.run_alone(kernel, arguments, 1))
        try:
            # No new thread, or an interpreter that is ending: those that there are, and this one, do it all.
            with suppress(RuntimeError):
                for _ in range(threads - 1):
                    self.helpers.submit(job.join)
            self.run_alone(kernel, arguments, 1)
        finally:
            job.end()
