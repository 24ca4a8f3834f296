"""What happens in and around every norm during one forward?"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..transaction import Transaction
from ._evidence import Movement, first_tensor, is_transformed, movement_of, normalized_axis
from ._find import Norm, is_stock
from ._normalizers import Normalizers


@dataclass(slots=True)
class Seen:
    """What was seen of one norm.

    Attributes:
        calls: how often it was called.
        ended: how many of the calls came to their end.
        tensors: the most tensors that it was given at once.
        trained: whether it was in training mode at its first call.
        transformed: it was given what a transform of `torch.func` hands out, which holds several tensors at once.
        exchanged: it was called while it held other statistics than its own.
        moved: whether its statistics, or its count of batches, changed while it was called.
        stored: along which axis its input has the moments that it stored, and whether that was the operator's input.
        operators: how many operators normalized inside it.
        values: how many values the operators of the first call were given.
        passed_on: each of them was given the very tensor that the norm was.
        formula: the axis along which its output is its input normalized by its statistics; None if it is not.
    """

    calls: int = 0
    ended: int = 0
    tensors: int = 0
    trained: bool = False
    transformed: bool = False
    exchanged: bool = False
    moved: bool = False
    stored: Movement = field(default_factory=Movement)
    operators: int = 0
    values: int = 0
    passed_on: bool = True
    formula: int | None = None


class Look:
    """Hooks on all norms, for one forward, and a mode that sees the operators inside them."""

    def __init__(self, norms: Sequence[Norm]) -> None:
        self.seen = [Seen() for _ in norms]
        self._norms = norms
        self._running: list[tuple[int, Tensor | None, list[Tensor]]] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}

    def on(self, change: Transaction) -> AbstractContextManager[object]:
        """Hang the hooks up, until the transaction ends; the mode is for the caller to enter, if one is needed."""
        for index, norm in enumerate(self._norms):
            for module in norm.modules:
                change.on_input(module, self._entered(index), with_kwargs=True)
                change.on_output(module, self._left(index), with_kwargs=True)
        known = all(is_stock(module) for norm in self._norms for module in norm.modules)
        return nullcontext() if known else Normalizers(self._heard)

    def _entered(self, index: int) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen, norm = self.seen[index], self._norms[index]
            x = first_tensor(args, kwargs)
            if not seen.calls:
                seen.trained = module.training
                self._before[index] = norm.mean.clone(), norm.var.clone()
            seen.calls += 1
            seen.exchanged |= module._buffers.get("running_mean", norm.mean) is not norm.mean
            seen.tensors = max(seen.tensors, sum(isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs))))
            seen.transformed |= x is not None and is_transformed(x)
            self._running.append((index, x, []))

        return hook

    def _heard(self, x: Tensor, _: list[Tensor]) -> None:
        if not self._running:
            return
        index, given, heard = self._running[-1]
        seen = self.seen[index]
        seen.operators += 1
        seen.values += x.numel() if seen.calls == 1 else 0
        seen.passed_on &= given is not None and _is_same(x, given)
        if not is_transformed(x):
            heard.append(x.detach().clone())

    def _left(self, index: int) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
            while self._running:
                running, x, heard = self._running.pop()
                if running == index:
                    break
            else:
                return
            seen, norm = self.seen[index], self._norms[index]
            seen.ended += 1
            if seen.transformed or x is None:
                return
            with torch.no_grad():
                if seen.calls == 1:
                    old, new = self._before[index], (norm.mean, norm.var)
                    seen.moved = not all(map(torch.equal, old, new))
                    seen.stored = movement_of(x, heard, old, new) if seen.moved else Movement()
                if not seen.operators and not seen.moved:
                    seen.formula = normalized_axis(module, norm, x, output)

        return hook


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are one: the same elements in the same memory."""
    if is_transformed(one) or is_transformed(other) or one.layout is not other.layout:
        return False
    if one.layout is not torch.strided or one.shape != other.shape or one.stride() != other.stride():
        return False
    return one.data_ptr() == other.data_ptr()
