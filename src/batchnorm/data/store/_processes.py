"""How do torch's worker processes read batch after batch, and what is said if one of them fails or is killed?"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ...errors import FaultError, RefusedError, Setting
from ...files import in_short


class _Work:
    """Work as a data set whose samples are what comes of it, or what went wrong."""

    def __init__(self, work: Callable[[Any], torch.Tensor]) -> None:
        self.work = work

    def __getitem__(self, thing: bytes) -> Any:
        try:
            return self.work(pickle.loads(thing))  # noqa: S301 - our own bytes, from this process's parent
        except FaultError as error:
            # A DataLoader would put the worker's whole traceback into the message.
            return error
        except MemoryError as error:
            return RefusedError(f"a process that reads images could not go on ({in_short(error)})")


def in_processes(work: Callable[[Any], torch.Tensor], things: Iterable[Any], workers: int) -> Iterator[torch.Tensor]:
    """Give `work(thing)` for one thing after the other, some of them ahead in processes of torch's DataLoader.

    Without workers all is done in this process. They are started as torch is told to (`fork`, `spawn`), and end with
    the iterator.

    Raises:
        FaultError: `work` did.
        RuntimeError: a process was killed, or could not be started.
    """
    if not workers:
        yield from map(work, things)
        return
    from torch.utils.data import DataLoader

    loader: DataLoader[Any] = DataLoader(
        _Work(work),  # type: ignore[arg-type]  # nothing of a Dataset but this is asked for
        # Tensors that are sent as such each take a file descriptor.
        sampler=(pickle.dumps(thing) for thing in things),
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator(),  # else it draws from the caller's random numbers
    )
    with _worded():
        batches: Any = iter(loader)
    try:
        while True:
            with _worded():
                batch = next(batches, None)
            if batch is None:
                return
            if isinstance(batch, FaultError):
                raise batch
            yield batch
    finally:
        # They would end with the last reference, which an exception that somebody keeps may have.
        batches._shutdown_workers()


@contextmanager
def _worded() -> Iterator[None]:
    """Say in one sentence what torch says of its processes."""
    try:
        yield
    except FaultError:
        raise
    except (RuntimeError, OSError) as error:
        raise RefusedError(
            f"a process that reads images has ended ({in_short(error)})",
            cure=("Use fewer of them, or none: ", Setting("workers", 0), "."),
        ) from error
