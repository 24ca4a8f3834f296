"""What would a model be given instead of an example, if the data were others?"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..calls import Call

_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def varied(example: Call, seed: int, *, whole: bool = True) -> Call:
    """The same call with random numbers of the example's shapes, means and spreads, wherever its tensors are.

    A sparse tensor has other values at the same places. Whole numbers may be places in something, so they are not
    drawn: they are put into another order along their longest axis. Those that are in order stay, for they may say
    where something begins, and on a GPU all stay, where a wrong place would be the end of the process.

    Args:
        example: the call.
        seed: of the numbers.
        whole: whether whole numbers are varied, too.
    """
    generator = torch.Generator().manual_seed(seed)
    return example.mapped(lambda tensor: _other(tensor, generator, whole=whole))


def _other(tensor: Tensor, generator: torch.Generator, *, whole: bool) -> Tensor:
    def other(part: Tensor) -> Tensor:
        return _other(part, generator, whole=whole)

    if tensor.is_nested:
        return _of_parts(tensor, other)
    if tensor.layout is torch.sparse_coo:
        listed = tensor.coalesce()
        indices, values = listed.indices(), other(listed.values())
        return torch.sparse_coo_tensor(indices, values, tensor.shape, is_coalesced=True, check_invariants=False)
    if tensor.layout in _COMPRESSED:
        return _compressed(tensor, other)
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta or not tensor.numel():
        return tensor
    if tensor.is_complex():
        parts = other(torch.view_as_real(tensor.resolve_conj()))
        return torch.view_as_complex(parts.contiguous())
    if tensor.is_floating_point():
        return _drawn(tensor, generator)
    return _reordered(tensor, generator) if whole and tensor.device.type == "cpu" else tensor


def _drawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    values = tensor.double()
    finite = values[values.isfinite()]
    mean = float(finite.mean()) if finite.numel() else 0.0
    spread = float(finite.std()) if finite.numel() > 1 else 0.0
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64, device="cpu")
    return (noise * (spread or 1.0) + mean).to(tensor.device, tensor.dtype)


def _reordered(tensor: Tensor, generator: torch.Generator) -> Tensor:
    if not tensor.dim() or _is_in_order(tensor):
        return tensor
    axis = max(range(tensor.dim()), key=lambda axis: tensor.shape[axis])
    return tensor.index_select(axis, torch.randperm(tensor.shape[axis], generator=generator, device="cpu"))


def _is_in_order(tensor: Tensor) -> bool:
    if tensor.dim() != 1 or tensor.dtype is torch.bool:
        return False
    first, second = tensor[:-1], tensor[1:]
    return bool((first <= second).all()) or bool((first >= second).all())


def _compressed(tensor: Tensor, other: Callable[[Tensor], Tensor]) -> Tensor:
    by_row = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
    outer, inner = (
        (tensor.crow_indices(), tensor.col_indices()) if by_row else (tensor.ccol_indices(), tensor.row_indices())
    )
    values = other(tensor.values())
    return torch.sparse_compressed_tensor(outer, inner, values, tensor.shape, layout=tensor.layout)


def _of_parts(tensor: Tensor, other: Callable[[Tensor], Tensor]) -> Tensor:
    if tensor.layout is torch.jagged:
        ragged: Any = tensor
        return torch.nested.nested_tensor_from_jagged(other(ragged.values()), ragged.offsets())
    return torch.nested.as_nested_tensor([other(part) for part in tensor.unbind()])
