"""How do processes that work on one thing hear of each other, and of the one that failed?

Every exchange begins with a status. A process that fails says so in the place of its next exchange, so that the others,
who wait for it there, raise too instead of waiting on. What is sent are numbers and text, never objects.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import InputError
from ._joined import described, joined_now
from ._of_torch import said_by_torch
from ._rank_error import RankError, code_of

LONGEST = 2000
"""Bytes of an error's text that the others hear."""
INLINE = 16
"""Numbers that come with the status of an exchange, which then is one message."""


class _Header(NamedTuple):
    """What every exchange begins with, of one size for all: 0 or an exit code, the length of what is sent, its head."""

    code: int
    length: int
    head: Tensor


class Ranks:
    """The processes of a group; alone where there is none.

    Args:
        group: a process group; None for all processes, if `torch.distributed` is initialized.
        device: the model's, where the tensors of an exchange must lie if the group is one of NCCL alone.
        verb: what they do together.
        undone: whoever fails leaves everything as it was.

    Attributes:
        rank: the number of this process, from 0.
        size: how many there are.
        device: the model's.

    Raises:
        InputError: this process is not in the group.
    """

    def __init__(
        self,
        group: dist.ProcessGroup | None,
        device: torch.device,
        verb: str,
        *,
        undone: bool = True,
    ) -> None:
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
        self._undone = undone
        self._wire = torch.device("cpu")
        if ready and not _carries_cpu_tensors(group):
            self._wire = torch.device("cuda") if device.type == "cpu" and torch.cuda.is_available() else device
        self._nccl = ready and "cuda:nccl" in dist.get_backend_config(group)
        # Over NCCL one process goes the way of many, so that a machine with one GPU shows that it can be gone.
        self._alone = self.size == 1 and self._wire.type == "cpu"
        self._over = self.size == 1

    @property
    def needs_gpus(self) -> bool:
        """Whether tensors on GPUs go over NCCL, which takes one process for each."""
        return self._nccl

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
        headers = self._headers(length=len(vector), head=vector[:INLINE])
        longest = max(one.length for one in headers)
        if longest <= INLINE:
            return [one.head[: one.length] for one in headers]
        rest = vector.new_zeros(longest - INLINE)
        rest[: max(0, len(vector) - INLINE)] = vector[INLINE:]
        return [torch.cat([one.head, more])[: one.length] for one, more in zip(headers, self._all(rest), strict=True)]

    def sum(self, vector: Tensor) -> Tensor:
        """Every process's vector of float64, of one length, added up in the order of ranks: the same bits for all.

        Raises:
            RankError: another process failed, or cannot be reached.
        """
        return torch.stack(self.gather(vector)).sum(0)

    def any(self, flag: bool) -> bool:  # noqa: FBT001 - as Python's own, it is asked of one thing
        """Whether one of the processes says yes.

        Raises:
            RankError: another process failed, or cannot be reached.
        """
        return flag if self._alone else any(one.length for one in self._headers(length=int(flag)))

    def from_first(self, read: Callable[[], bytes] | None) -> bytes:
        """What the first process reads, for all; others need not know how, and may pass None.

        Raises:
            RankError: the first process failed, or cannot be reached.
        """
        with self.telling():
            data = read() if self.first and read else b""
        if self._alone:
            return data
        length = self._headers(length=len(data))[0].length
        sent = torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(length, dtype=torch.uint8)
        sent = sent.to(self._wire)
        with self.reaching():
            dist.broadcast(sent, group=self._group, group_src=0)
        return bytes(sent.cpu().numpy())

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Let the exchanges of others inside, such as those of norms, fail as this class's own do.

        Raises:
            RankError: another process cannot be reached.
        """
        try:
            yield
        except RuntimeError as error:
            # Where processes have joined by a store, it says who was lost, which a norm does not ask.
            told = isinstance(error, RankError) and (self._over or not joined_now())
            if self._alone or told or not _of_a_connection(error):
                raise
            raise self._lost(error) from error

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
        group = joined_now()
        text = (group.words if group else described)(error).encode()[:LONGEST]
        code = code_of(error)
        self._headers(length=len(text), code=code, text=text)

    def _headers(self, *, length: int, head: Tensor | None = None, code: int = 0, text: bytes = b"") -> list[_Header]:
        sent = torch.zeros(2 + INLINE, dtype=torch.float64)
        sent[0], sent[1] = code, length
        if head is not None:
            sent[2 : 2 + len(head)] = head
        headers = [_Header(int(one[0]), int(one[1]), one[2:]) for one in self._all(sent)]
        if not any(one.code for one in headers):
            return headers
        padded = torch.zeros(LONGEST, dtype=torch.uint8)
        padded[: len(text)] = torch.tensor([*text], dtype=torch.uint8)
        texts = self._all(padded)
        self._over = True
        told = "; ".join(
            f"rank {rank}: {bytes(said[:size].tolist()).decode(errors='replace')}"
            for rank, ((code, size, _), said) in enumerate(zip(headers, texts, strict=True))
            if code
        )
        codes = {one.code for one in headers if one.code}
        unchanged = "another process failed, so nothing was changed here. " if self._undone else ""
        raise RankError(f"{unchanged}{told}", code=min(codes))

    def _all(self, tensor: Tensor) -> list[Tensor]:
        sent = tensor.to(self._wire)
        received = [torch.empty_like(sent) for _ in range(self.size)]
        try:
            dist.all_gather(received, sent, group=self._group)
        except RuntimeError as error:
            raise self._lost(error) from error
        return [one.cpu() for one in received]

    def _lost(self, error: RuntimeError) -> RankError:
        self._over = True
        if group := joined_now():
            return group.lost(error)
        unchanged = "; nothing was changed here" if self._undone else ""
        return RankError(
            f"another process cannot be reached and may have died{unchanged} (torch: {said_by_torch(error)})",
            cure="Start all processes again.",
        )


_OF_A_CONNECTION = ("gloo", "NCCL", "Connection", "Timed out waiting", "caused pair closure")
"""In what torch raises; of a timeout gloo says the last two, where it does not name its file."""


def _of_a_connection(error: BaseException | None) -> bool:
    """Whether torch speaks of another process: where it is not of a class that says so, gloo names its own files."""
    if error is None:
        return False
    named = isinstance(error, dist.DistError) or any(name in str(error) for name in _OF_A_CONNECTION)
    return named or _of_a_connection(error.__cause__)


def _carries_cpu_tensors(group: dist.ProcessGroup | None) -> bool:
    backends = dist.get_backend_config(group)
    return "cpu:" in backends and "cpu:nccl" not in backends
