"""Ctrl-C and SIGTERM as a question that the loop asks between two steps, and all processes at the same ones."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from ..ranks import Ranks

AT_ONCE = 3.0
"""Seconds after a signal in which torchrun may pass it on to those who have had it, or send SIGTERM behind it."""


class TrainingInterrupted(KeyboardInterrupt):
    """The training was stopped on request; its state is saved, and the message says how to resume it."""


@dataclass
class StopRequest:
    """Whether somebody has asked the training to stop, and by which signal.

    Attributes:
        heard: the signal that has come to this process.
        alone: there are no others, who would have to stop at the same step.

    Example:
        >>> request = StopRequest(heard="SIGINT", alone=False)
        >>> request.signal is None, request.agree(True), request.signal
        (True, None, 'SIGINT')
    """

    heard: str | None = None
    alone: bool = True
    _agreed: str | None = None
    _at_once: bool = False

    @property
    def signal(self) -> str | None:
        """The signal by which all processes know that they are to stop here; one alone knows of what it hears."""
        return self.heard if self.alone else self._agreed

    def agree(self, asked: bool) -> None:  # noqa: FBT001 - what an exchange of all processes has given
        """Stop, or not, as all processes do: whether any of them was asked."""
        if asked and self._agreed is None:
            self._agreed = self.heard or "a signal to another process"

    def share(self, ranks: Ranks) -> None:
        """Let all processes know, in an exchange, whether one was asked.

        Raises:
            RankError: another process failed, or cannot be reached.
        """
        if not self.alone:
            self.agree(ranks.any(self.heard is not None))

    @contextmanager
    def nothing_to_save(self) -> Iterator[None]:
        """Let `between_files` end the block, which no step has gone before, if no other process waits for this one."""
        self._at_once = self.alone
        try:
            yield
        finally:
            self._at_once = False

    def between_files(self) -> None:
        """Stop the looking through files: it may take long, and nobody would wait for its end to save nothing.

        Raises:
            KeyboardInterrupt: a signal was heard, and there is nothing to be saved.
        """
        if self._at_once and self.heard:
            raise KeyboardInterrupt(f"{self.heard}: stopped before the first step; nothing was written")


@contextmanager
def listen_for_stop() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; a second one interrupts at once.

    Python delivers signals to the main thread alone, so elsewhere nothing is changed and nothing is heard.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    first = 0.0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if request.heard is None:
            request.heard, first = signal.Signals(number).name, time.monotonic()
        elif not _passed_on(time.monotonic() - first):
            raise KeyboardInterrupt

    # What was ignored when we came (nohup, a job in the background) stays ignored; `None` is a handler that Python
    # did not set and could not put back.
    heard = [
        number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) not in (signal.SIG_IGN, None)
    ]
    before = {number: signal.signal(number, hear) for number in heard}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _passed_on(seconds: float) -> bool:
    """Whether a signal, so long after another, may be that one, which torchrun passes on to its processes."""
    return "RANK" in os.environ and seconds < AT_ONCE
