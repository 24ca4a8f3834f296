"""Which processes work together: those of a group that is there, those that torchrun has started, or one alone?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from ..errors import InputError
from ._environment import place_in
from ._exchange import exchange
from ._join import join
from ._joined import Failure, Member, described
from ._rank_error import RankError, code_of
from ._ranks import Ranks


@contextmanager
def processes(
    device: torch.device | None = None, *, verb: str = "train", timeout: float | None = None
) -> Iterator[Ranks]:
    """Give the processes that work together, of which each calls this.

    Those of a group that the caller has made, which is left as it is; or those that were started together by torchrun,
    who have a group for the time of the block; or this one alone.

    Args:
        device: where this process computes; None if that is only known later, and said by `on`.
        verb: what they do together.
        timeout: seconds for which they wait for one that does not come; None for `BATCHNORM_TIMEOUT`, or ten minutes.

    Raises:
        InputError: the environment names a group by halves, or the processes' devices do not go together.
        RankError: another process failed, or cannot be reached.

    Example:
        >>> with processes(torch.device("cpu")) as ranks:
        ...     ranks.size, ranks.first, ranks.any(True), ranks.sum(torch.ones(2))
        (1, True, True, tensor([1., 1.]))
    """
    place = None if dist.is_available() and dist.is_initialized() else place_in()
    if place is None:
        yield _on(device, verb)
        return
    with join(place, timeout) as group:
        try:
            yield _on(device, verb)
        except BaseException as error:
            if not isinstance(error, RankError):
                group.fail(Failure(described(error), code_of(error)))
            raise


def _on(device: torch.device | None, verb: str) -> Ranks:
    ranks = Ranks(None, device or torch.device("cpu"), verb, undone=False)
    if device is not None:
        on(ranks, device)
    return ranks


def on(ranks: Ranks, device: torch.device) -> None:
    """Let this process compute on a device, if all can work together where they do.

    Raises:
        InputError: some compute on a CPU and some on a GPU, or two on one GPU, which NCCL does not take.
        RankError: another process failed, or cannot be reached.
    """
    ranks.device = device
    if ranks.size == 1:
        return
    devices = [(host, name) for host, name in exchange(ranks, (Member.here().host, str(device)))]
    if len({torch.device(name).type for _, name in devices}) > 1:
        places = ", ".join(f"{name} in rank {rank}" for rank, (_, name) in enumerate(devices))
        raise InputError(
            "the processes compute on devices of different kinds",
            argument="device",
            expected="cpu in all, or a GPU for each",
            got=places,
            cure="Pass cpu.",
        )
    if device.type == "cuda" and ranks.needs_gpus and len(set(devices)) < len(devices):
        host, name = next(one for one in devices if devices.count(one) > 1)
        raise InputError(
            f"{devices.count((host, name))} processes on {host} were given the one GPU {name}",
            argument="device",
            expected="a GPU for each process",
            cure="Pass auto or cuda, which give each its own, or cpu; or start one process.",
        )
