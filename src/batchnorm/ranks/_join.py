"""How does a process meet those that were started together with it, and what if one of them does not come?"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from ..errors import InputError
from ._environment import Place
from ._joined import Joined, Member, described, known
from ._meeting import TIMEOUT, meeting_place, patience
from ._rank_error import RankError

if TYPE_CHECKING:  # a torch that was built without them has none
    from torch._C._distributed_c10d import Store

_joined_before = [0]


@contextmanager
def join(
    place: Place, timeout: float | None = None, words: Callable[[BaseException], str] = described
) -> Iterator[Joined]:
    """Meet the others and make a group of all for the time of the block: of gloo, and of NCCL for tensors on GPUs.

    Args:
        place: of this process among them.
        timeout: seconds for which it waits for the others, now and in each exchange; None for `BATCHNORM_TIMEOUT`, or
            ten minutes.
        words: says an error to the user of the command, for the others.

    Raises:
        InputError: the place where they meet cannot be had.
        RankError: one did not come, or failed.
    """
    if not dist.is_available():
        raise InputError("this torch was built without torch.distributed", cure="Start one process, without torchrun.")
    from torch._C._distributed_c10d import PrefixStore

    seconds = patience() if timeout is None else timeout
    store = meeting_place(place, seconds)
    # Every group of a process's life has names of its own: a store remembers those of the last one.
    _joined_before[0] += 1
    store = PrefixStore(str(_joined_before[0]), store)
    group = Joined(store, place, words, seconds)
    try:
        group.members = _roll_call(store, place, seconds)
    except RankError as error:
        error.silent = not group.may_speak(own=False)
        raise
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    with known(group):
        try:
            dist.init_process_group(
                backend,
                store=PrefixStore("torch", store),
                rank=place.rank,
                world_size=place.size,
                timeout=timedelta(seconds=seconds),
            )
        except RuntimeError as error:
            raise group.lost(error) from error
        try:
            yield group
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()


def _roll_call(store: "Store", place: Place, seconds: float) -> list[Member]:
    try:
        store.set(f"here/{place.rank}", json.dumps(asdict(Member.here())))
        ranks = range(place.size)
        end, missing = time.monotonic() + seconds, [*ranks]
        while missing := [rank for rank in missing if not store.check([f"here/{rank}"])]:
            if time.monotonic() > end:
                names = ", ".join(map(str, missing[:9])) + (", ..." if len(missing) > 9 else "")
                raise RankError(
                    f"of {place.size} processes, {'rank' if len(missing) == 1 else 'ranks'} {names} did not come "
                    f"within {seconds:g} s",
                    cure=f"Look at what they say, or wait longer ({TIMEOUT}); then start all again.",
                )
            time.sleep(0.02)
        return [Member(**json.loads(store.get(f"here/{rank}"))) for rank in ranks]
    except RuntimeError as error:
        if isinstance(error, RankError):
            raise
        raise RankError("the place where the processes meet has gone", cure="Start all processes again.") from error
