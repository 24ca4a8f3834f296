"""How do the processes that torchrun has started speak with one voice, and end with one code?

They begin alike: each reads the arguments. The first one speaks, but where it is gone; the others print nothing, unless
`BATCHNORM_TRACEBACK` asks each to say all it can.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType

from ..errors import MistakeError, RefusedError
from ..ranks import INTERRUPTED, Failure, Joined, Place, RankError, join, joined_now, place_in, told_of
from ._outcome import Outcome
from ._wording import told

TOGETHER = ("train", "lr-find", "evaluate", "recalibrate")
"""Commands that several processes do together; any other is done by the first of them alone."""


def are_many() -> bool:
    """Whether torchrun, or its like, has started this process beside others."""
    return bool(os.environ.get("RANK") or os.environ.get("WORLD_SIZE"))


def is_first() -> bool:
    """Whether this process is the one that draws and writes for all that run a command together."""
    place = place_in()
    return place is None or place.rank == 0


def together(command: str, name: str, run: Callable[[], Outcome]) -> int:
    """Do what all processes do, say what it came to, if it is for this one to say, and return the exit code.

    Args:
        command: the first word of the arguments.
        name: of the command in full.
        run: does it, and says nothing.
    """
    try:
        place = place_in()
    except MistakeError as error:
        if command not in TOGETHER:  # what others have left in the environment is nothing to it
            return run().say(name)
        return Outcome(2, told(error) if os.environ.get("RANK") in ("", "0", None) else "").say(name)
    if place is None or command not in TOGETHER:
        return run().say(name) if place is None or place.rank == 0 else 0
    with _heard_by_all():
        try:
            with join(place, words=told) as group:
                return _done(group, run).say(name)
        except (MistakeError, RefusedError) as error:
            code = 2 if isinstance(error, MistakeError) else 1
            return Outcome(code, told(error) if _speaks(error, place) else "").say(name)


def _done(group: Joined, run: Callable[[], Outcome]) -> Outcome:
    try:
        with _silent(group.place):
            outcome = run()
    except BaseException as error:  # no outcome, but a fault of ours, or what BATCHNORM_TRACEBACK asks for
        group.fail(Failure(f"{type(error).__name__}: {error}"))
        raise
    lost = group.casualties() if outcome.code == INTERRUPTED else None
    if lost:  # the signal is torchrun's, which ends all because of them
        outcome = Outcome(lost.code, told(lost), lost=True)
    if not outcome.code:
        return _of_others(group)
    if outcome.lost:
        return outcome if group.may_speak(own=False) else Outcome(outcome.code)
    group.fail(Failure(outcome.words or "ended", outcome.code))
    rank = f"rank {group.place.rank}: " if group.place.rank else ""
    return Outcome(outcome.code, rank + outcome.words if outcome.words and group.may_speak(own=True) else "")


def _of_others(group: Joined) -> Outcome:
    """Return the outcome where this process did well: that of others that did not, for the first one to tell."""
    failures = group.finish()
    if group.place.rank or not failures:
        return Outcome(0)
    code = next(iter(failures.values())).code
    return Outcome(code, "; ".join(told_of(failures)) if group.may_speak(own=False) else "")


def _speaks(error: Exception, place: Place) -> bool:
    """Whether this process tells what happened before it had joined: where nobody can agree, one of each machine."""
    return not error.silent if isinstance(error, RankError) else place.local_rank == 0


@contextmanager
def _silent(place: Place) -> Iterator[None]:
    with ExitStack() as streams:
        if place.rank and not os.environ.get("BATCHNORM_TRACEBACK"):
            nowhere = streams.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            streams.enter_context(redirect_stdout(nowhere))
            streams.enter_context(redirect_stderr(nowhere))
        yield


@contextmanager
def _heard_by_all() -> Iterator[None]:
    """Let SIGTERM interrupt as Ctrl-C does, and let neither cut short what is said of a process that is lost."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is None:
        yield
        return
    before = {number: signal.signal(number, _hear) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _hear(number: int, frame: FrameType | None) -> None:
    if (group := joined_now()) is None or not group.broken:
        raise KeyboardInterrupt
