"""Which tensors share memory, and which memory does somebody still hold?"""

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from ._events import Value


class Storages:
    """Numbers for storages. A weak reference each keeps its address from being given to another one."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._weak: list[StorageWeakRef] = []

    def value(self, tensor: Tensor) -> Value | None:
        """Describe a tensor; None if its memory does not say what it is.

        It has no storage of its own (sparse, mkldnn, a wrapper), no shape (nested), or other numbers than lie there
        (views that negate or conjugate).
        """
        if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_neg() or tensor.is_conj():
            return None
        try:
            number = self._number(tensor)
        except (NotImplementedError, RuntimeError):
            return None
        return Value(number, tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()), tensor.dtype)

    def alive(self) -> frozenset[int]:
        """The storages that have not been freed."""
        return frozenset(number for number, weak in enumerate(self._weak) if not weak.expired())  # type: ignore[no-untyped-call]  # torch's

    def _number(self, tensor: Tensor) -> int:
        storage = tensor.untyped_storage()
        found = self._numbers.get(storage._cdata)
        if found is None:
            found = self._numbers[storage._cdata] = len(self._weak)
            self._weak.append(StorageWeakRef(storage))  # type: ignore[no-untyped-call]  # torch's
        return found
