"""Who is in the group that this process has joined, and what have those said who cannot be reached any more?

A group that has lost a process carries nothing any more. What its processes have to say then they write into the store
by which they met: it is kept by torchrun, which outlives them, or by the first of them.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._environment import Place
from ._of_torch import said_by_torch
from ._rank_error import INTERRUPTED, RankError

if TYPE_CHECKING:  # a torch that was built without them has none
    from torch._C._distributed_c10d import Store

PATIENCE = 2.0
"""Seconds in which those who live notice that one has gone, and say so."""
TURN = 5.0
"""Seconds that the first process has to speak before another one does."""
UNUSABLE = "The group cannot be used any more: start all processes again."


@dataclass(frozen=True)
class Member:
    """One of the processes: its machine, and its number there."""

    host: str
    pid: int

    @classmethod
    def here(cls) -> "Member":
        """Return this process."""
        return cls(socket.gethostname(), os.getpid())

    def has_died(self) -> bool:
        """Whether it is known to have ended; of one on another machine nothing is known."""
        if self.host != socket.gethostname():
            return False
        with suppress(OSError, IndexError):  # a system without /proc
            return Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


@dataclass(frozen=True)
class Failure:
    """What a process failed of, in its own words, with its exit code."""

    text: str
    code: int = 1


class Joined:
    """The group that this process has joined.

    Args:
        store: by which the processes meet.
        place: of this one.
        words: says an error to the user, for the others.
        seconds: for which each of them waits for another.

    Attributes:
        members: all of them, in the order of ranks; none before they have met.
        broken: it is known that one of them failed.
    """

    def __init__(self, store: "Store", place: Place, words: Callable[[BaseException], str], seconds: float) -> None:
        self.place, self.words, self.seconds, self.broken = place, words, seconds, False
        self.members: Sequence[Member] = ()
        self._store = store

    def fail(self, failure: Failure) -> None:
        """Leave word of what this process fails of, for those who find it gone."""
        self.broken = True
        with suppress(RuntimeError):
            self._store.set(f"failure/{self.place.rank}", json.dumps(asdict(failure)))

    def failures(self) -> dict[int, Failure]:
        """Return what others have failed of; where some were only stopped because of it, what the rest did."""
        found = {}
        with suppress(RuntimeError, ValueError, TypeError):
            for rank in self._others():
                if self._store.check([key := f"failure/{rank}"]):
                    found[rank] = Failure(**json.loads(self._store.get(key)))
        return {rank: one for rank, one in found.items() if one.code != INTERRUPTED} or found

    def finish(self) -> dict[int, Failure]:
        """Say that this process has ended well, and return who has not, so far."""
        with suppress(RuntimeError):
            self._store.set(f"end/{self.place.rank}", "")
        return self.failures()

    def may_speak(self, *, own: bool) -> bool:
        """Whether this process is the one to tell the user what happened: the first, but where it is gone.

        Args:
            own: this process failed by itself, and the others, who wait for it, hear of it as soon as it has ended.
        """
        try:
            if self.place.rank:
                gone = self._store.check(["end/0"]) or self._has_died(0)
                if own and not gone:
                    return False
                self._wait(lambda: self._has_died(0) or self._store.check(["speaker"]), 0 if gone else TURN)
            return bool(self._store.add("speaker", 1) == 1)
        except RuntimeError:  # the store is gone, and with it the way to agree
            return True

    def lost(self, error: BaseException) -> RankError:
        """Return what is known of those who cannot be reached, once the others had time to say that they live."""
        self.broken = True
        with suppress(RuntimeError):
            self._store.set(f"alive/{self.place.rank}", "")
        self._wait(lambda: all(map(self._has_died, self._silent())), PATIENCE)
        failures = self.failures()
        told = told_of(failures) or [self._without_a_word(rank) for rank in self._silent()]
        told = told or [f"another process cannot be reached (torch: {said_by_torch(error)})"]
        return RankError("; ".join(told), cure=UNUSABLE, code=next(iter(failures.values()), Failure("")).code)

    def casualties(self) -> RankError | None:
        """Return what is known, without waiting, of others that have failed or died; None if nothing is."""
        failures = {rank: one for rank, one in self.failures().items() if one.code != INTERRUPTED}
        died = [self._without_a_word(rank) for rank in self._silent() if self._has_died(rank)]
        if told := told_of(failures) or died:
            return RankError("; ".join(told), cure=UNUSABLE, code=next(iter(failures.values()), Failure("")).code)
        return None

    def _has_died(self, rank: int) -> bool:
        return bool(self.members) and self.members[rank].has_died()

    def _without_a_word(self, rank: int) -> str:
        member = self.members[rank]
        name = f"rank {rank} (process {member.pid} on {member.host})"
        if member.has_died():
            return f"{name} has died without a word, as one does that is killed, by kill -9 or for memory"
        return f"{name} does not answer: it hangs, was killed, or has lost its connection"

    def _silent(self) -> list[int]:
        with suppress(RuntimeError):
            return [
                rank
                for rank in self._others()
                if not any(self._store.check([f"{word}/{rank}"]) for word in ("alive", "failure", "end"))
            ]
        return []

    def _others(self) -> Iterator[int]:
        return (rank for rank in range(self.place.size) if rank != self.place.rank)

    def _wait(self, until: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            time.sleep(0.05)


def described(error: BaseException) -> str:
    """Say an error to a caller in Python.

    Example:
        >>> described(ValueError("no such place"))
        'ValueError: no such place'
    """
    return f"{type(error).__name__}: {error}"


def told_of(failures: Mapping[int, Failure]) -> list[str]:
    """Return who failed of what; one thing that several failed of is said once.

    Example:
        >>> told_of({1: Failure("no room"), 3: Failure("no room"), 2: Failure("no GPU")})
        ['ranks 1, 3: no room', 'rank 2: no GPU']
    """
    ranks: dict[str, list[int]] = {}
    for rank, failure in failures.items():
        ranks.setdefault(failure.text, []).append(rank)
    return [f"rank{'s' if len(who) > 1 else ''} {', '.join(map(str, who))}: {text}" for text, who in ranks.items()]


_now: list[Joined] = []


def joined_now() -> Joined | None:
    """Return the group that this process is in, if it has joined one."""
    return _now[-1] if _now else None


@contextmanager
def known(group: Joined) -> Iterator[Joined]:
    """Let everybody in this process know of the group, for the time of the block."""
    _now.append(group)
    try:
        yield group
    finally:
        _now.remove(group)
