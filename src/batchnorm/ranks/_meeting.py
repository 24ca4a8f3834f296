"""Where do processes that were started together meet, and for how long does each wait there?"""

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import InputError, RefusedError
from ._environment import Place
from ._of_torch import said_by_torch

if TYPE_CHECKING:  # a torch that was built without them has none
    from torch._C._distributed_c10d import Store

TIMEOUT = "BATCHNORM_TIMEOUT"
"""The environment variable that says for how many seconds a process waits for the others."""
SECONDS = 600.0


def patience() -> float:
    """Return for how many seconds a process waits for the others.

    Raises:
        InputError: the environment says no number of seconds.
    """
    text = os.environ.get(TIMEOUT, "")
    try:
        seconds = float(text or SECONDS)
    except ValueError:
        seconds = math.nan
    if not 1 <= seconds <= 1e6:
        raise InputError(
            f"the environment says {TIMEOUT}={text!r}",
            expected="seconds, from 1 to a million",
            cure="Correct it, or remove it to wait ten minutes.",
        )
    return seconds


def meeting_place(place: Place, seconds: float) -> "Store":
    """Return the store by which the processes meet: torchrun's, or else that of the first process.

    Raises:
        InputError: another program is there.
        RefusedError: nobody came within so many seconds.
    """
    from torch._C._distributed_c10d import PrefixStore, TCPStore

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    opens = place.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    if not opens:
        seconds = _wait_for_first(host, port, place, seconds)

    def meet() -> "Store":
        limit = timedelta(seconds=seconds)
        return TCPStore(host, port, place.size, opens, limit, wait_for_workers=False, multi_tenant=True)

    try:
        store = _within(seconds + 1, meet)
    except RuntimeError as error:
        if "EADDRINUSE" in str(error) or "address already in use" in str(error):
            raise InputError(
                f"the processes cannot meet at {host}, port {port}, which another program uses",
                cure="Choose another port (MASTER_PORT, which torchrun sets by its option master-port).",
            ) from error
        raise RefusedError(
            f"the processes cannot meet at {host}, port {port} (torch: {said_by_torch(error)})",
            cure="Check the address and the port (MASTER_ADDR, MASTER_PORT); then start all processes again.",
        ) from error
    # After a restart torchrun's store remembers what was said before it.
    return PrefixStore(f"batchnorm/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)


def _within(seconds: float, meet: "Callable[[], Store]") -> "Store":
    """Return what `meet` does, or raise: torch waits for ever for the greeting of a program that is not torch."""
    done: list[Store | RuntimeError] = []

    def run() -> None:
        try:
            done.append(meet())
        except RuntimeError as error:
            done.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not done:
        raise RuntimeError("who listens there does not answer")
    if isinstance(done[0], RuntimeError):
        raise done[0]
    return done[0]


def _wait_for_first(host: str, port: int, place: Place, seconds: float) -> float:
    """Wait until somebody listens there, and return the seconds that are left; torch itself would fill the screen."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, port), timeout=max(0.1, end - time.monotonic())).close()
        except OSError as error:
            if time.monotonic() > end:
                raise RefusedError(
                    f"rank {place.rank} did not reach the first process at {host}, port {port}, within {seconds:g} s "
                    f"({error.strerror or error})",
                    cure=f"Check that all processes run and can reach that one, or wait longer ({TIMEOUT}); then start "
                    "all again.",
                ) from error
            time.sleep(0.1)
        else:
            return max(1.0, end - time.monotonic())
