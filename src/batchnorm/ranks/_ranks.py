"""How do processes that work on one thing hear of each other, and of the one that failed?

Every exchange begins with a status. A process that fails says so in the place of its next exchange, so that the others,
who wait for it there, raise too instead of waiting on. What is sent are numbers and text, never objects.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import InputError, RefusedError

LONGEST = 2000
"""Bytes of an error's text that the others hear."""


class RankError(RefusedError):
    """Another process failed."""


class Ranks:
    """The processes of a group; alone where there is none.

    Args:
        group: a process group; None for all processes, if `torch.distributed` is initialized.
        device: the model's, where the tensors of an exchange must lie if the group is one of NCCL alone.
        verb: what they do together.

    Attributes:
        rank: the number of this process, from 0.
        size: how many there are.
        device: the model's.

    Raises:
        InputError: this process is not in the group.
    """

    def __init__(self, group: dist.ProcessGroup | None, device: torch.device, verb: str) -> None:
        ready = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank(group) if ready else 0
        self.size = dist.get_world_size(group) if ready else 1
        if self.rank < 0:
            raise InputError(
                argument="group",
                expected="a group that this process belongs to",
                cure=f"Call {verb} only in the processes of the group.",
            )
        self.device = device
        self._group = group
        self._wire = device if ready and not _carries_cpu_tensors(group) else torch.device("cpu")
        # Over NCCL one process goes the way of many, so that a machine with one GPU shows that it can be gone.
        self._alone = self.size == 1 and self._wire.type == "cpu"
        self._over = self.size == 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks for all."""
        return self.rank == 0

    def gather(self, vector: Tensor) -> list[Tensor]:
        """Every process's vector of float64, in the order of ranks; their lengths may differ.

        Raises:
            RankError: another process failed, or cannot be reached.
        """
        if self._alone:
            return [vector]
        lengths = self._headers(failed=False, length=len(vector))
        padded = vector.new_zeros(max(lengths))
        padded[: len(vector)] = vector
        return [one[:length] for one, length in zip(self._all(padded), lengths, strict=True)]

    def sum(self, vector: Tensor) -> Tensor:
        """Every process's vector of float64, of one length, added up in the order of ranks: the same bits for all.

        Raises:
            RankError: another process failed, or cannot be reached.
        """
        return torch.stack(self.gather(vector)).sum(0)

    def any(self, flag: bool) -> bool:
        """Whether one of the processes says yes.

        Raises:
            RankError: another process failed, or cannot be reached.
        """
        return flag if self._alone else any(self._headers(failed=False, length=int(flag)))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Let the others hear of whatever is raised inside, unless it came from them; what is raised is not changed."""
        try:
            yield
        except BaseException as error:
            with suppress(RankError):
                self._fail(error)
            raise

    def finish(self) -> None:
        """Say that no exchange follows, so that nobody waits for one."""
        self._over = True

    def _fail(self, error: BaseException) -> None:
        if self._over:
            return
        text = f"{type(error).__name__}: {error}".encode()[:LONGEST]
        self._headers(failed=True, length=len(text), text=text)

    def _headers(self, *, failed: bool, length: int, text: bytes = b"") -> list[int]:
        headers = [one.tolist() for one in self._all(torch.tensor([int(failed), length]))]
        if not any(fault for fault, _ in headers):
            return [size for _, size in headers]
        padded = torch.zeros(LONGEST, dtype=torch.uint8)
        padded[: len(text)] = torch.tensor([*text], dtype=torch.uint8)
        texts = self._all(padded)
        self._over = True
        told = "; ".join(
            f"rank {rank}: {bytes(said[:size].tolist()).decode(errors='replace')}"
            for rank, ((fault, size), said) in enumerate(zip(headers, texts, strict=True))
            if fault
        )
        raise RankError("another process failed, so nothing was changed here", cure=told)

    def _all(self, tensor: Tensor) -> list[Tensor]:
        sent = tensor.to(self._wire)
        received = [torch.empty_like(sent) for _ in range(self.size)]
        try:
            dist.all_gather(received, sent, group=self._group)
        except RuntimeError as error:
            self._over = True
            raise RankError(
                f"another process cannot be reached and may have died; nothing was changed here (torch: {error})",
                cure="Start all processes again.",
            ) from error
        return [one.cpu() for one in received]


def _carries_cpu_tensors(group: dist.ProcessGroup | None) -> bool:
    backends = dist.get_backend_config(group)
    return "cpu:" in backends and "cpu:nccl" not in backends
