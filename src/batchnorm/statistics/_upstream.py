"""From which norms does each norm read, directly?

One forward in evaluation, with autograd's graph but without the tensors that it would keep. Every norm's output is cut
off from what made it, and gets a marker instead: a leaf of its own, added to it. A norm's input leads back through the
graph to the markers of the norms that it was made of. Sets of norms are whole numbers, one bit per norm.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._pytree import tree_map_only

from ..transaction import Transaction
from ._batches import Batch
from ._norms import Norm


def upstream(change: Transaction, norms: Sequence[Norm], batch: Batch) -> tuple[list[int], tuple[int, ...]]:
    """For each norm the set of those that it reads from with no other norm between, and the order of all calls.

    Where the graph does not tell (the input needs no gradient although a norm ran before: detached, made in NumPy,
    under `no_grad`) a norm counts as reading from every norm that was called before. The parameters need no gradient
    meanwhile, so that only the data and the norms lead anywhere; the transaction gives them theirs back.

    Raises:
        Exception: whatever the model raises on inputs that need a gradient.
    """
    for parameter in change.module.parameters():
        parameter.requires_grad_(False)
    trace = _Trace(len(norms))
    handles = [
        handle
        for index, norm in enumerate(norms)
        for module in norm.modules
        for handle in (
            change.on_input(module, trace.entered(index), with_kwargs=True),
            change.on_output(module, trace.left(index), with_kwargs=True),
        )
    ]
    try:
        with torch.enable_grad(), _keeping_nothing():
            Batch(trace.from_data(batch.args), trace.from_data(batch.kwargs), batch.forward_fn).run(change.module)
    finally:
        for handle in handles:
            handle.remove()
    return trace.upstream, tuple(trace.order)


class _Trace:
    """What the hooks note, and the labels of the markers."""

    def __init__(self, norms: int) -> None:
        self.upstream = [0] * norms
        self.order: list[int] = []
        self._before = 0
        self._hidden = 0
        self._labels: list[tuple[Tensor, int]] = []

    def from_data(self, value: Any) -> Any:
        """Mark the floating-point tensors of a batch as what depends on no norm."""
        return tree_map_only(Tensor, lambda x: self._marked(x, 0) if x.is_floating_point() else x, value)

    def entered(self, norm: int) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        """The hook of a norm's inputs."""

        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self.order.append(norm)
            self.upstream[norm] |= self._behind(_first(args, kwargs)) | self._hidden

        return hook

    def left(self, norm: int) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], object], object]:
        """The hook of its output, which is made of its input, by way of its statistics, and of the other inputs."""

        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> object:
            label = 1 << norm
            for other in _tensors((*args, *kwargs.values())):
                if other is not _first(args, kwargs):
                    label |= self._behind(other)
            self._before |= 1 << norm
            if not torch.is_grad_enabled():
                self._hidden = self._before  # nothing leads out of here; whatever follows may come from it
            return self._marked(output, label) if isinstance(output, Tensor) else output

        return hook

    def _marked(self, tensor: Tensor, label: int) -> Tensor:
        marker = torch.zeros((), dtype=tensor.dtype, device=tensor.device, requires_grad=True)
        self._labels.append((marker, label))
        return tensor.detach() + marker

    def _behind(self, tensor: Tensor | None) -> int:
        """The norms that a tensor is made of."""
        if tensor is None or tensor.grad_fn is None or not torch.is_grad_enabled():
            return self._before
        found = 0
        for leaf in _leaves(tensor):
            # A leaf that is not ours was made in the model, of something that the graph does not tell.
            found |= next((label for marker, label in self._labels if marker is leaf), self._before)
        return found


def _leaves(tensor: Tensor) -> Iterator[Tensor]:
    """Every leaf that a tensor's graph leads back to."""
    waiting: list[Any] = [tensor.grad_fn]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if type(node).__name__ == "AccumulateGrad":
            yield node.variable
        for earlier, _ in node.next_functions:
            if earlier is not None and earlier not in seen:
                seen.add(earlier)
                waiting.append(earlier)


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    first = args[0] if args else kwargs.get("input", next(iter(kwargs.values()), None))
    return first if isinstance(first, Tensor) else None


def _tensors(values: Iterable[object]) -> Iterator[Tensor]:
    return (value for value in values if isinstance(value, Tensor) and value.is_floating_point())


@contextmanager
def _keeping_nothing() -> Iterator[None]:
    """Let autograd make its graph and keep none of the tensors for a backward that never comes."""
    with saved_tensors_hooks(lambda tensor: None, lambda nothing: nothing):
        yield
