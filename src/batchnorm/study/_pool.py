"""How do processes of this machine do a study's runs, so that one that is killed takes no run but its own along?

`ProcessPoolExecutor` of the standard library gives up all that is under way when one of its processes dies, and leaves
its processes behind when its own is killed. Here each process has a line of its own to this one, at whose end both see
at once that the other is gone.
"""

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class WorkerLostError(BrokenExecutor):
    """The process that was at work on a call has ended without an answer; the others work on."""


class WorkerPool(Executor):
    """Processes that are started when they are needed, and started anew where one has died.

    They are spawned, not forked: torch's threads do not survive a fork. They do not hear Ctrl-C, which is for this
    process to answer, print on the standard error, for the standard output is the result's, and end when this process
    does, however it ends.

    Args:
        processes: how many at once.
        threads: torch's threads in each of them.

    Raises:
        WorkerLostError: from a call's result, if its process was killed.

    Example:
        >>> with WorkerPool(processes=2, threads=1) as pool:  # nothing is started before there is work
        ...     pass
    """

    def __init__(self, processes: int, threads: int) -> None:
        self._threads = threads
        self._callers = ThreadPoolExecutor(processes, "study", initializer=_deaf_to_interrupts)
        self._mine = threading.local()
        self._workers: set[_Worker] = set()
        self._lock, self._stopped = threading.Lock(), False

    def submit(self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
        """Have one of the processes call `fn`, which is sent by its name."""
        return self._callers.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001 - Executor's
        """Let the processes end when what was submitted is done."""
        self._callers.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self._end()

    def stop(self) -> None:
        """End at once, and leave what is under way."""
        self._callers.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._stopped = True
            for worker in self._workers:
                worker.process.kill()
        self._callers.shutdown(wait=True)
        self._end()

    def _end(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """In a thread that has a process of its own."""
        worker = self._worker()
        try:
            raised, result = worker.call(fn, args, kwargs)
        except (EOFError, OSError):
            del self._mine.worker
            with self._lock:
                self._workers.discard(worker)
            raise WorkerLostError(f"its process {worker.end()}") from None
        if raised:
            raise result
        return result

    def _worker(self) -> "_Worker":
        if not hasattr(self._mine, "worker"):
            worker = _Worker(self._threads)
            with self._lock:
                self._workers.add(worker)
                if self._stopped:  # while it was started
                    worker.process.kill()
            self._mine.worker = worker
        own: _Worker = self._mine.worker
        return own


class _Worker:
    """A process, and the line to it."""

    def __init__(self, threads: int) -> None:
        spawning = get_context("spawn")
        self.line, other_end = spawning.Pipe()
        self.process = spawning.Process(target=_serve, args=(other_end, threads))
        self.process.start()
        other_end.close()  # so that its end is the end of the line

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
        """Have `fn` called there; return whether it raised, and what it returned or raised.

        Raises:
            EOFError, OSError: the process has ended.
        """
        self.line.send_bytes(pickle.dumps((fn, args, kwargs)))
        answer: tuple[bool, Any] = pickle.loads(self.line.recv_bytes())  # noqa: S301 - a process of ours wrote it
        return answer

    def end(self) -> str:
        """Kill the process if it lives, and say how it ended."""
        self.process.kill()
        self.process.join()
        self.line.close()
        code = self.process.exitcode or 0
        return f"ended with code {code}" if code >= 0 else f"was killed ({signal.Signals(-code).name})"


def _deaf_to_interrupts() -> None:
    """Let the processes that this thread starts have Ctrl-C blocked from their first moment, which imports torch."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        resource_tracker.ensure_running()  # starting it, which the first process would do, unblocks the signal
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _serve(line: Connection, threads: int) -> None:
    """Do what comes by the line, one after the other, until it ends; then end at once, whatever is under way."""
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, calls), daemon=True).start()
    _settle(threads)
    while True:
        line.send_bytes(_answer(calls.get()))


def _listen(line: Connection, calls: "queue.SimpleQueue[bytes]") -> None:
    with suppress(EOFError, OSError):
        while True:
            calls.put(line.recv_bytes())
    os._exit(1)  # nobody is left who could use an answer


def _settle(threads: int) -> None:
    """Hear no Ctrl-C, print on the standard error alone, be silent about odd images, and set torch's threads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):  # a stream that is closed
        os.dup2(sys.stderr.fileno(), 1)
    import torch

    from ..allocator import tune_allocator
    from ..data import DataWarning

    warnings.simplefilter("ignore", DataWarning)  # the process that began the study has told it once
    torch.set_num_threads(threads)
    tune_allocator()


def _answer(call: bytes) -> bytes:
    try:
        fn, args, kwargs = pickle.loads(call)  # noqa: S301 - from this process's parent
        return pickle.dumps((False, fn(*args, **kwargs)))
    except BaseException as error:  # whatever it is, it is for the caller
        error.add_note(traceback.format_exc())
        try:
            answer = pickle.dumps((True, error))
            pickle.loads(answer)  # noqa: S301 - some exceptions can be written and not read
        except Exception:  # somebody's class, which may do anything when it is copied
            return pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer
