"""What is a batch to the model: how is it called with it, cut, moved and counted?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

ForwardFn = Callable[[nn.Module, Any], object]


@dataclass(frozen=True)
class Batch:
    """What the model is given: positional and keyword arguments, or the whole batch for an own `forward_fn`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    forward_fn: ForwardFn | None = None

    @cached_property
    def tensors(self) -> list[Tensor]:
        """Every tensor that goes in, in a fixed order."""
        return [leaf for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Tensor)]

    @cached_property
    def samples(self) -> int:
        """The length of the first tensor that has an axis; 1 where there is none."""
        return next((len(tensor) for tensor in self.tensors if tensor.dim()), 1)

    def run(self, model: nn.Module) -> None:
        """Call the model."""
        if self.forward_fn is None:
            model(*self.args, **self.kwargs)
        else:
            self.forward_fn(model, *self.args)

    def cut(self, samples: int) -> "Batch":
        """The first samples alone, copied, so that they do not keep the others.

        An own `forward_fn` gets its batch whole, for nobody else knows what is in it.
        """
        present = self.samples
        if self.forward_fn is not None or samples >= present:
            return self
        return self._mapped(
            lambda tensor: tensor[:samples].clone() if tensor.dim() and len(tensor) == present else tensor
        )

    def to(self, device: torch.device) -> "Batch":
        """Move every tensor."""
        if all(tensor.device == device for tensor in self.tensors):
            return self
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def _mapped(self, fn: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch(tree_map_only(Tensor, fn, self.args), tree_map_only(Tensor, fn, self.kwargs), self.forward_fn)


@dataclass(frozen=True, slots=True)
class Batches:
    """A loader, read as often as it is asked for, up to `max_samples` each time; `device`: where the model wants it."""

    loader: Iterable[Any]
    forward_fn: ForwardFn | None
    max_samples: int | None
    device: torch.device

    def __iter__(self) -> Iterator[Batch]:
        left = self.max_samples
        for raw in self.loader:
            batch = as_batch(raw, self.forward_fn)
            if left is not None:
                batch = batch.cut(left)
                left -= batch.samples
            if batch.samples:
                yield batch
            if left is not None and left <= 0:
                return

    @property
    def total(self) -> int | None:
        """How many batches come, where that can be known beforehand."""
        if self.max_samples is not None or not isinstance(self.loader, Sized):
            return None
        try:
            return len(self.loader)
        except (TypeError, NotImplementedError):  # a DataLoader over a data set that streams
            return None

    @property
    def generators(self) -> list[torch.Generator]:
        """The generators by which a loader draws, where it has its own."""
        sampler = getattr(self.loader, "batch_sampler", None)
        owners = (
            self.loader,
            getattr(self.loader, "sampler", None),
            sampler,
            getattr(sampler, "sampler", None),
            getattr(self.loader, "dataset", None),
        )
        found = (getattr(owner, "generator", None) for owner in owners)
        return [*dict.fromkeys(generator for generator in found if isinstance(generator, torch.Generator))]


def as_batch(raw: Any, forward_fn: ForwardFn | None) -> Batch:
    """What the model is called with, for what a loader gave.

    Raises:
        TypeError: it is neither a tensor, nor a tuple or list that begins with one, nor a dict.
    """
    if forward_fn is not None:
        return Batch((raw,), {}, forward_fn)
    if isinstance(raw, Tensor):
        return Batch((raw,), {})
    if isinstance(raw, Mapping):
        return Batch((), {str(key): value for key, value in raw.items()})
    if isinstance(raw, tuple | list) and raw and isinstance(raw[0], Tensor):
        return Batch((raw[0],), {})
    got = f"a {type(raw).__name__}"
    if isinstance(raw, tuple | list):
        got += f" that begins with a {type(raw[0]).__name__}" if raw else " that is empty"
    raise TypeError(
        "recalibrate: expected batches that are a tensor, a tuple or list with the tensor first, or a dict of keyword "
        f"arguments, got {got}. Say how the model is called with it: forward_fn=lambda model, batch: ..."
    )
