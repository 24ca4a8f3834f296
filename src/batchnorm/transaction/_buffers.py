"""How do buffers get their bits back, in the memory that they had?"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class _Saved(NamedTuple):
    """A buffer, a second view of its memory, and what was in it."""

    tensor: Tensor
    memory: Tensor
    copy: Tensor
    version: int | None


class Buffers:
    """The bits of buffers, to be copied back in place: NaN payloads, shared and overlapping memory included."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._saved = [_save(tensor) for tensor in tensors]
        self._ids = {id(saved.tensor) for saved in self._saved}
        self._kept: set[int] = set()

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self._ids

    def keep(self, tensors: Iterable[Tensor]) -> None:
        """Leave these as they are when the others are put back."""
        self._kept.update(id(tensor) for tensor in tensors)

    def keep_nothing(self) -> None:
        """Put all of them back, whatever was said before."""
        self._kept.clear()

    def put_back(self) -> None:
        """Copy the bits back, but for what is kept."""
        for saved in self._saved:
            if id(saved.tensor) not in self._kept:
                _put_back(saved)


def _save(tensor: Tensor) -> _Saved:
    version = None if tensor.is_inference() else tensor._version
    return _Saved(tensor, tensor.data, tensor.data.clone(), version)


def _put_back(saved: _Saved) -> None:
    tensor = saved.tensor
    with torch.no_grad(), torch.inference_mode(mode=tensor.is_inference()):
        if not _same_memory(tensor, saved.memory):
            tensor.data = saved.memory
        # A graph that read the buffer before stays valid if nobody wrote; one that was made meanwhile must hear of it.
        untouched = saved.version is not None and tensor._version == saved.version
        target = saved.memory if untouched else tensor.detach()
        _once(target).copy_(_once(saved.copy))
        if tensor.grad_fn is not None:
            tensor.detach_()


def _same_memory(tensor: Tensor, memory: Tensor) -> bool:
    if tensor.layout is not torch.strided:
        return True
    same_kind = tensor.dtype == memory.dtype and tensor.device == memory.device
    return same_kind and tensor.is_set_to(memory)


def _once(tensor: Tensor) -> Tensor:
    """Return each element once: torch refuses to write into expanded tensors."""
    if tensor.layout is torch.strided:
        for axis, stride in enumerate(tensor.stride()):
            if stride == 0 and tensor.shape[axis] > 1:
                tensor = tensor.narrow(axis, 0, 1)
    return tensor
