"""What would the model compute with more digits?"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ..norms import FOLDS
from ..transaction import reach

STASH = FOLDS
"""The attribute of a folded model that holds what `unfold` needs."""


def float64_twin(model: nn.Module) -> nn.Module:
    """A copy of a model whose real parameters and buffers are float64, complex ones complex128; it is new memory.

    Example:
        >>> [float64_twin(nn.Linear(1, 1, dtype=kind)).weight.dtype for kind in (torch.float32, torch.complex64)]
        [torch.float64, torch.complex128]
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        stash = vars(module).get(STASH)
        if stash is not None:
            memo[id(stash)] = None  # what a former fold keeps is not run
    own = [*model.parameters(), *model.buffers()]
    # Tensors kept from a former call, in attributes and containers: those in a graph could not be copied.
    held = [thing for thing in reach(model.modules(), dict.fromkeys(memo)) if isinstance(thing, Tensor)]
    for tensor in {id(tensor): tensor for tensor in (*own, *held)}.values():
        if tensor.is_floating_point() or tensor.is_complex():
            memo[id(tensor)] = _doubled(tensor)
        elif not tensor.is_leaf:
            memo[id(tensor)] = tensor.detach()
    return copy.deepcopy(model, memo)


def _doubled(tensor: Tensor) -> Tensor:
    values = tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64)
    values = values.clone() if values.data_ptr() == tensor.data_ptr() else values
    return nn.Parameter(values, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else values
