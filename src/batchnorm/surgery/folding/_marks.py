"""Has a folded model been trained since, or only moved, converted and run?"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...norms import is_norm

_ROUNDED = (torch.float32, torch.float16, torch.bfloat16)
_STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a tensor was when its model had just been folded, without a copy of it.

    Attributes:
        shape: its shape.
        dtype: its dtype.
        device: where it was.
        requires_grad: whether it was trained.
        sums: the CRC-32 of its numbers in its dtype, and in those to which a model is converted: a tensor that went
            through one of them and came back is rounded, and has learned nothing.
    """

    shape: torch.Size
    dtype: torch.dtype
    device: torch.device
    requires_grad: bool
    sums: dict[torch.dtype, int]

    def is_of(self, tensor: Tensor) -> bool:
        """Whether a tensor has the numbers that were marked, as exactly as one of the dtypes holds them.

        Example:
            >>> weight = torch.tensor([0.1, 2.0])
            >>> mark = mark_of(weight)
            >>> mark.is_of(weight.double()), mark.is_of(weight.half().float()), mark.is_of(weight + 1e-3)
            (True, True, False)
        """
        return any(_survives(tensor, dtype) and _sum(tensor.to(dtype)) == known for dtype, known in self.sums.items())


def mark_of(tensor: Tensor) -> Mark:
    """Return the mark of a tensor."""
    rounded = [dtype for dtype in _ROUNDED if tensor.is_floating_point() and dtype.itemsize <= tensor.dtype.itemsize]
    sums = {dtype: _sum(tensor.to(dtype)) for dtype in {tensor.dtype, *rounded}}
    return Mark(tensor.shape, tensor.dtype, tensor.device, tensor.requires_grad, sums)


def marks_of(model: nn.Module, others: Iterable[str] = ()) -> dict[str, Mark]:
    """Return the marks of all that training changes: the parameters, and the statistics of the norms that are left.

    Args:
        model: has just been folded.
        others: names of further tensors, into which something was folded. Other buffers, such as a counter of calls, a
            forward may change in evaluation, too.
    """
    marks = {}
    for name, tensor in _trained(model, {*others}):
        with suppress(Exception):  # a tensor of somebody's class, whose bytes cannot be had
            marks[name] = mark_of(tensor)
    return marks


def changed_since(model: nn.Module, marks: Mapping[str, Mark]) -> list[str]:
    """Name the tensors that have other numbers now. What is gone, or of another shape, was exchanged, not trained."""
    present = dict(_trained(model, {*marks}))
    return [
        name
        for name, mark in marks.items()
        if name in present and present[name].shape == mark.shape and not _is_of(mark, present[name])
    ]


def _is_of(mark: Mark, tensor: Tensor) -> bool:
    try:
        return mark.is_of(tensor)
    except Exception:  # it has become a tensor of another class since, such as a quantized one
        return False


def _trained(model: nn.Module, others: set[str]) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        if _has_numbers(parameter):
            yield name, parameter
    for path, module in model.named_modules():
        for last, buffer in module.named_buffers(path, recurse=False):
            statistic = last.rpartition(".")[2] in _STATISTICS and is_norm(module)
            if (statistic or last in others) and _has_numbers(buffer):
                yield last, buffer


def _has_numbers(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not (tensor.is_meta or tensor.is_quantized or is_lazy(tensor))


def _survives(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether a dtype holds every number of a tensor."""
    if tensor.dtype == dtype:
        return True
    if not tensor.is_floating_point():
        return False
    back = tensor.to(dtype).to(tensor.dtype)
    return bool(((back == tensor) | (back.isnan() & tensor.isnan())).all())


def _sum(tensor: Tensor) -> int:
    return zlib.crc32(
        tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    )
