"""What does a loader give to judge a model by: the arguments of a call, and what its outputs should be?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..calls import Call, Reader, fingerprint_of, mapped
from ..errors import InputError, InputTypeError, Setting, its_type

TargetFn = Callable[[Any], object]
"""A caller's own way to find the targets in a batch."""

BATCH_SIZE = 128
"""Samples of a batch that is made of a data set."""


@dataclass(frozen=True, slots=True)
class Example:
    """One batch: the call of the model, what its outputs should be, how many samples that is, and a hash of them."""

    call: Call
    targets: Any
    samples: int
    fingerprint: int


class Examples:
    """A loader, read once for each pass.

    Args:
        loader: gives batches.
        reader: says how the model is called with one.
        device: where the model wants them.
        target_fn: the caller's own way to find the targets.
    """

    def __init__(
        self, loader: Iterable[Any], reader: Reader, device: torch.device, target_fn: TargetFn | None = None
    ) -> None:
        self._loader, self._reader, self._device, self._target_fn = loader, reader, device, target_fn

    def __iter__(self) -> Iterator[Example]:
        for raw in self._loader:
            call = self._reader.batch(raw)
            targets = mapped(self._targets(raw), lambda tensor: tensor.to(self._device))
            samples = len(targets) if isinstance(targets, Tensor) and targets.ndim else call.samples
            if samples:
                yield Example(call.to(self._device), targets, samples, fingerprint_of(call))

    def _targets(self, raw: Any) -> Any:
        if self._target_fn is not None:
            return self._target_fn(raw)
        beside = self._reader.beside(raw)
        if len(beside) == 1:
            return beside[0]
        raise InputError(
            argument="loader",
            expected="batches of (inputs, targets)",
            got=_described(raw),
            cure=("Say where the targets are: ", Setting("target_fn"), f"=lambda batch: {_example(raw)}."),
        )


def as_loader(loader: object, batch_size: int | None) -> Iterable[Any]:
    """Return a loader: the caller's own, or one over his data set.

    Samples of a data set are often sorted by class, and a batch of one class has statistics of its own: they are
    shuffled, in an order that is always the same.

    Raises:
        InputTypeError: it is no iterable of batches.
        InputError: a `batch_size` for a loader that has its own, or one that is no size.
    """
    if batch_size is not None and (type(batch_size) is not int or batch_size < 1):
        raise InputError(argument="batch_size", expected="an integer of at least 1", got=repr(batch_size))
    if isinstance(loader, Dataset):
        shuffled = not isinstance(loader, IterableDataset) and _length(loader) > 0
        order = torch.Generator().manual_seed(0)
        return DataLoader(loader, batch_size or BATCH_SIZE, shuffle=shuffled, generator=order)
    if isinstance(loader, Tensor | str | Mapping) or not isinstance(loader, Iterable) or _is_one_batch(loader):
        raise InputTypeError(
            argument="loader",
            expected="an iterable of batches, or a torch.utils.data.Dataset",
            got=its_type(loader) + (" of tensors" if _is_one_batch(loader) else ""),
            cure="Put a single batch into a list: [(inputs, targets)].",
        )
    if batch_size is not None:
        raise InputError(
            "is for a data set; the batches of a loader are as it makes them",
            argument="batch_size",
            cure="Leave it out, or make the loader with it.",
        )
    return loader


def _length(dataset: Dataset[Any]) -> int:
    if not hasattr(dataset, "__len__"):
        raise InputTypeError(
            argument="loader",
            expected="a data set that knows its length",
            got=f"{its_type(dataset)} without __len__",
            cure="Define __len__, or derive it from torch.utils.data.IterableDataset.",
        )
    return len(dataset)


def _is_one_batch(loader: object) -> bool:
    """Whether a tuple is no list of batches, but the inputs and the targets of one."""
    return type(loader) is tuple and bool(loader) and all(isinstance(part, Tensor) for part in loader)


def _described(raw: object) -> str:
    if isinstance(raw, Mapping):
        return f"{its_type(raw)} with {', '.join(map(repr, [*raw][:6])) or 'nothing in it'}"
    if isinstance(raw, tuple | list):
        return f"{its_type(raw)} of {len(raw)}"
    return its_type(raw)


def _example(raw: object) -> str:
    """How the targets might be taken out of such a batch."""
    if isinstance(raw, Mapping):
        likely = next((key for key in raw if str(key).startswith(("label", "target"))), "label")
        return f"batch[{likely!r}]"
    return "batch[1]" if isinstance(raw, tuple | list) else "batch.y"
