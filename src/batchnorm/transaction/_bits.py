"""How do tensors get their bits back, in the memory that they had?"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ..errors import RefusedError, its_type

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class _Saved(NamedTuple):
    """A tensor, a second view of its memory, and what was in it; `is_leaf`: it was in no graph."""

    tensor: Tensor
    memory: Tensor
    copy: Tensor
    version: int | None
    is_leaf: bool


class Bits:
    """The bits of tensors, to be copied back in place: NaN payloads, shared and overlapping memory included."""

    def __init__(self) -> None:
        self._saved: dict[int, _Saved] = {}
        self._kept: set[int] = set()

    def add(self, tensor: Tensor) -> list[Callable[[], None]]:
        """Copy a tensor, and return what copies the bits back, unless it is kept by then; once for each tensor.

        A subclass that wraps tensors (quantized ones, for instance) is copied part by part.
        """
        new = [part for part in _parts(tensor) if id(part) not in self._saved]
        self._saved |= {id(part): _save(part) for part in new}
        return [partial(self._put_back, self._saved[id(part)]) for part in new]

    def keep(self, tensors: Iterable[Tensor]) -> None:
        """Leave these as they are when the others are put back."""
        self._kept.update(id(part) for tensor in tensors for part in _parts(tensor))

    def keep_nothing(self) -> None:
        """Put all of them back, whatever was said before."""
        self._kept.clear()

    def _put_back(self, saved: _Saved) -> None:
        if id(saved.tensor) not in self._kept:
            _put_back(saved)


def _parts(tensor: Tensor) -> Iterator[Tensor]:
    if is_traceable_wrapper_subclass(tensor):
        for name in tensor.__tensor_flatten__()[0]:
            yield from _parts(getattr(tensor, name))
    else:
        yield tensor


def _save(tensor: Tensor) -> _Saved:
    if is_lazy(tensor):
        raise RefusedError(
            argument="model",
            expected="modules that know their shapes",
            got=f"{its_type(tensor)} held in a container, which has seen no batch yet",
            cure="Run one batch through the model first.",
        )
    version = None if tensor.is_inference() else tensor._version
    return _Saved(tensor, tensor.data, _once(tensor.data).clone(), version, tensor.grad_fn is None)


def _put_back(saved: _Saved) -> None:
    tensor = saved.tensor
    if not _is_there(tensor, saved.memory):
        # `resize_` and `.data =` give a tensor other memory or another shape without making it another object.
        tensor.data = saved.memory
    if not _same_bits(_once(saved.memory), saved.copy):
        # A graph that read the tensor before stays valid if nobody wrote; one that was made meanwhile must hear of it.
        untouched = saved.version is not None and tensor._version == saved.version
        # Neither of them is in a graph, so that no mode need be set here, which an interrupt could leave set.
        target = saved.memory if untouched else tensor.detach()
        _once(target).copy_(saved.copy)
    if saved.is_leaf and tensor.grad_fn is not None:
        tensor.detach_()


def _is_there(tensor: Tensor, memory: Tensor) -> bool:
    if not _has_strides(tensor) or tensor.shape != memory.shape or tensor.dtype != memory.dtype:
        return False
    return (
        tensor.stride() == memory.stride() and tensor.device == memory.device and tensor.data_ptr() == memory.data_ptr()
    )


def _same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether nothing need be written: memory that comes from a file, or is read only, had better not be."""
    if one.is_meta:
        return True
    integers = _INTEGERS.get(one.element_size())
    if not _has_strides(one) or one.is_quantized or integers is None or one.is_conj() or one.is_neg():
        return False
    return torch.equal(one.view(integers), other.view(integers))


def _once(tensor: Tensor) -> Tensor:
    """Return each element once: torch refuses to write into expanded tensors."""
    if _has_strides(tensor):
        for axis, stride in enumerate(tensor.stride()):
            if stride == 0 and tensor.shape[axis] > 1:
                tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _has_strides(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_nested
