"""Where did the channels of a tensor go? Numbers are laid where they lie, and moved as the model moved them."""

import torch
from torch import Tensor

from ._events import Operation, Pass, Value

NOBODYS = -1.0
"""The mark of an element that does not come from the tensor that is followed."""


class Marks:
    """For each storage that has elements of a followed tensor, the number of the channel that each of them is of.

    Float32 holds every number of a channel exactly, and all operators that move elements take it.
    """

    def __init__(self, seen: Pass, source: Value, axis: int) -> None:
        self._seen = seen
        self._source = source
        self._axis = axis
        self._buffers: dict[int, Tensor | None] = {source.storage: None}

    @property
    def dtype(self) -> torch.dtype:
        """That of the followed tensor."""
        return self._source.dtype

    def __contains__(self, storage: int) -> bool:
        return storage in self._buffers

    @property
    def storages(self) -> frozenset[int]:
        """The storages that have marks."""
        return frozenset(self._buffers)

    def are_untouched(self, value: Value, axis: int) -> bool:
        """Whether a tensor is the followed one itself, its channels along that axis, and nothing was moved into it."""
        return value == self._source and axis == self._axis and self._buffers[value.storage] is None

    def of(self, value: Value) -> Tensor:
        """The marks of a tensor's elements, as a view that can be written to."""
        return self._buffer(value.storage).as_strided(value.shape, value.stride, value.offset)

    def put(self, value: Value, marks: Tensor) -> None:
        """Set those of a tensor that was made."""
        if value.storage not in self._buffers:
            self._buffers[value.storage] = self._empty(value.storage)
        self.of(value).copy_(marks)

    def _buffer(self, storage: int) -> Tensor:
        buffer = self._buffers.get(storage)
        if buffer is None:
            buffer = self._empty(storage)
            if storage in self._buffers:  # the source's, which is laid out when it is first needed
                source, shape = self._source, [1] * len(self._source.shape)
                shape[self._axis] = -1
                numbers = torch.arange(source.shape[self._axis], dtype=torch.float32, device="cpu").reshape(shape)
                buffer.as_strided(source.shape, source.stride, source.offset).copy_(numbers.expand(source.shape))
                self._buffers[storage] = buffer
        return buffer

    def _empty(self, storage: int) -> Tensor:
        return nobodys((_extent(self._seen, storage),))


def nobodys(shape: tuple[int, ...]) -> Tensor:
    """Marks of elements of which none comes from the followed tensor; whatever device and dtype are the default."""
    return torch.full(shape, NOBODYS, dtype=torch.float32, device="cpu")


def _extent(seen: Pass, storage: int) -> int:
    """How many elements of a storage anybody saw."""
    values = (
        value
        for index in seen.touching.get(storage, ())
        for value in (*seen.operations[index].inputs, *seen.operations[index].outputs)
        if value.storage == storage
    )
    return max(map(_end, values), default=0)


def _end(value: Value) -> int:
    if not value.numel:
        return value.offset
    return value.offset + sum((size - 1) * stride for size, stride in zip(value.shape, value.stride, strict=True)) + 1


def touched(marks: Marks, operation: Operation) -> set[int]:
    """The storages with marks that an operator has to do with."""
    return {storage for storage in operation.storages if storage in marks}
