"""How do buffers get their bits back, in the memory that they had?"""

from collections.abc import Callable, Iterable
from functools import partial
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

    def steps(self) -> list[Callable[[], None]]:
        """Return what copies the bits back, one step for each buffer; one that is kept by then is left alone."""
        return [partial(self._put_back, saved) for saved in self._saved]

    def _put_back(self, saved: _Saved) -> None:
        if id(saved.tensor) not in self._kept:
            _put_back(saved)


def _save(tensor: Tensor) -> _Saved:
    version = None if tensor.is_inference() else tensor._version
    return _Saved(tensor, tensor.data, _once(tensor.data).clone(), version)


def _put_back(saved: _Saved) -> None:
    tensor = saved.tensor
    # `resize_` and `.data =` give a tensor other memory or another shape without making it another object.
    tensor.data = saved.memory
    # A graph that read the buffer before stays valid if nobody wrote; one that was made meanwhile must hear of it.
    untouched = saved.version is not None and tensor._version == saved.version
    # Neither of them is in a graph, so that no mode need be set here, which an interrupt could leave set.
    target = saved.memory if untouched else tensor.detach()
    _once(target).copy_(saved.copy)
    if tensor.grad_fn is not None:
        tensor.detach_()


def _once(tensor: Tensor) -> Tensor:
    """Return each element once: torch refuses to write into expanded tensors."""
    if tensor.layout is torch.strided:
        for axis, stride in enumerate(tensor.stride()):
            if stride == 0 and tensor.shape[axis] > 1:
                tensor = tensor.narrow(axis, 0, 1)
    return tensor
