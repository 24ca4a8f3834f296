"""How do tensors come from one process to another, bit for bit?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ._ranks import Ranks


def gather_tensors(ranks: Ranks, tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Every process's tensors, in the order of ranks, on the CPU; all processes have the same shapes and dtypes.

    Raises:
        RankError: another process failed, or cannot be reached.

    Example:
        >>> gather_tensors(Ranks(None, torch.device("cpu"), "compare"), [torch.ones(2), torch.tensor(3)])
        [[tensor([1., 1.]), tensor(3)]]
    """
    return [_unpacked(vector, tensors) for vector in ranks.gather(_packed(tensors))]


def tensors_of_first(ranks: Ranks, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The first process's tensors, on the CPU; all processes have the same shapes and dtypes.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    return _unpacked(ranks.gather(_packed(tensors if ranks.first else ()))[0], tensors)


def _packed(tensors: Sequence[Tensor]) -> Tensor:
    """Their bytes, taken for numbers of float64, with which nobody computes."""
    parts = [tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for tensor in tensors]
    data = torch.cat([torch.empty(0, dtype=torch.uint8), *parts])
    padded = data.new_zeros(-(-len(data) // 8) * 8)
    padded[: len(data)] = data
    return padded.view(torch.float64)


def _unpacked(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    sizes = [tensor.numel() * tensor.element_size() for tensor in like]
    parts = torch.split(vector.cpu().view(torch.uint8)[: sum(sizes)], sizes)
    # A part of its own begins where its dtype may begin.
    return [part.clone().view(one.dtype).reshape(one.shape) for part, one in zip(parts, like, strict=True)]
