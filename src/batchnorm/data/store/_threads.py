"""How do several threads work on one thing after the other, and what they make come in order?

Decoding, resampling and sums of files let go of Python's lock, so that threads do as well as processes here, and need
nothing to be sent to them.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ...errors import InputError

Given = TypeVar("Given")
Made = TypeVar("Made")
MOST = 8
"""Workers that are taken unasked: behind more of them a disk or the training is what waits."""


def workers_of(given: int | None) -> int:
    """Return how many workers read images: those asked for, or one for each core that this process has for itself.

    Raises:
        ValueError: it is no number of workers.
    """
    if given is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        # torchrun and its like say how many processes there are on the machine.
        beside = os.environ.get("LOCAL_WORLD_SIZE", "")
        return max(1, min(MOST, cores // max(1, int(beside) if beside.isdecimal() else 1)))
    if type(given) is not int or given < 0:
        raise InputError(
            argument="workers",
            expected="an integer of at least 0",
            got=repr(given),
            cure="Leave it out for one worker for each core.",
        )
    return given


def in_order(work: Callable[[Given], Made], things: Iterable[Given], workers: int) -> Iterator[Made]:
    """Give `work(thing)` for one thing after the other, a few of them ahead in threads; without workers, in this one.

    Example:
        >>> list(in_order(abs, [-3, 2, -1], workers=2))
        [3, 2, 1]
    """
    if not workers:
        yield from map(work, things)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batchnorm-images")
    try:
        begun: deque[Future[Made]] = deque()
        for thing in things:
            begun.append(pool.submit(work, thing))
            if len(begun) > 2 * workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
