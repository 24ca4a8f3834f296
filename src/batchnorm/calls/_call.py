"""What is one call of a model: its arguments, moved, copied, cut and counted?"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ._leaves import Leaves, leaves_of
from ._mapped import mapped
from ._no_example import why_not_called

ForwardFn = Callable[[nn.Module, Any], object]
"""A caller's own way to call a model with a batch."""


@dataclass(frozen=True, eq=False)
class Call:
    """The positional and keyword arguments of one call; or the whole batch, for an own `forward_fn`.

    What is in them is found in tuples, lists, dicts, dataclasses and objects with attributes alike.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    forward_fn: ForwardFn | None = None

    @cached_property
    def leaves(self) -> Leaves:
        """Every tensor and plain value that goes in, in a fixed order, and what nobody can look into."""
        return leaves_of((*self.args, self.kwargs))

    @cached_property
    def tensors(self) -> list[Tensor]:
        """Every tensor that goes in."""
        return self.leaves.tensors

    @cached_property
    def rows(self) -> dict[str, int]:
        """By path the length of each tensor and array that has an axis."""
        return {
            path: len(leaf)
            for path, leaf in self.leaves.found
            if isinstance(leaf, Tensor | np.ndarray) and leaf.ndim and not _is_ragged(leaf)
        }

    @cached_property
    def samples(self) -> int:
        """The length that most of the tensors have, the first where there are several such; 1 where none has any.

        Of images in a list, which may differ in size, each is a sample.
        """
        if self._listed is not None:
            return self._listed
        lengths = Counter(self.rows.values())
        return lengths.most_common(1)[0][0] if lengths else 1

    @property
    def is_even(self) -> bool:
        """Whether every tensor that has an axis has a row for each sample."""
        return len({*self.rows.values()}) <= 1 and self._listed is None

    @property
    def is_listed(self) -> bool:
        """Whether the samples are the images of a list."""
        return self._listed is not None

    @cached_property
    def _listed(self) -> int | None:
        """How many images (C, H, W) the first argument is a list of, if it is one."""
        first = next(iter((*self.args, *self.kwargs.values())), None)
        if self.forward_fn is not None or not isinstance(first, list | tuple) or not first:
            return None
        return len(first) if all(isinstance(image, Tensor) and image.ndim == 3 for image in first) else None

    def run(self, model: nn.Module) -> Any:
        """Call the model."""
        if self.forward_fn is not None:
            return self.forward_fn(model, *self.args)
        try:
            return model(*self.args, **self.kwargs)
        except (TypeError, AttributeError) as error:
            if self.kwargs or self.tensors:
                raise
            raise why_not_called(self.args, error) from error

    def mapped(self, fn: Callable[[Tensor], Tensor]) -> "Call":
        """The same call with other tensors, wherever they are."""
        args, kwargs = mapped((self.args, self.kwargs), fn)
        return Call(args, kwargs, self.forward_fn)

    def in_dtype(self, dtype: torch.dtype) -> "Call":
        """The same call with real and complex numbers of another precision; whole numbers and truth values stay.

        Args:
            dtype: of real numbers; complex ones get that whose parts have it.
        """

        def converted(tensor: Tensor) -> Tensor:
            if tensor.is_complex():
                return tensor.to(dtype.to_complex())
            return tensor.to(dtype) if tensor.is_floating_point() else tensor

        return self.mapped(converted)

    @property
    def versions(self) -> list[int]:
        """How often each tensor was written into, as far as torch counts it."""
        return [0 if tensor.is_inference() else tensor._version for tensor in self.tensors]

    def copied(self) -> "Call":
        """The same call with tensors, arrays and objects of its own, for a model may write into what it is given."""

        def own(leaf: Any) -> Any:
            return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf.copy()

        args, kwargs = mapped((self.args, self.kwargs), own, kind=(Tensor, np.ndarray), all_new=True)
        return Call(args, kwargs, self.forward_fn)

    def to(self, device: torch.device) -> "Call":
        """Move every tensor."""
        if all(tensor.device == device for tensor in self.tensors):
            return self

        def moved(value: Any) -> Any:
            # The lengths in a packed sequence stay on the CPU.
            if isinstance(value, PackedSequence):
                return value._replace(data=value.data.to(device))
            return value.to(device, non_blocking=True)

        args, kwargs = mapped((self.args, self.kwargs), moved, kind=(Tensor, PackedSequence))
        return Call(args, kwargs, self.forward_fn)

    def cut(self, samples: int) -> "Call":
        """The first samples alone, copied, so that they do not keep the others.

        An own `forward_fn` gets its batch whole, for nobody else knows what is in it, and so does a model that is given
        tensors of several lengths.
        """
        present = self.samples
        if self.forward_fn is not None or samples >= present or not self.is_even:
            return self
        return self._by_rows(lambda tensor: _dense(tensor)[:samples].clone())

    def first(self, samples: int) -> "Call":
        """As many samples, the first ones; they come again where there are fewer."""
        if self.forward_fn is not None or not self.is_even or not self.samples:
            return self
        if samples <= self.samples:
            return self.cut(samples)
        times = -(-samples // self.samples)
        return self._by_rows(lambda tensor: torch.cat([_dense(tensor)] * times)[:samples])

    def _by_rows(self, fn: Callable[[Tensor], Tensor]) -> "Call":
        return self.mapped(lambda tensor: fn(tensor) if tensor.ndim and not _is_ragged(tensor) else tensor)


def _is_ragged(leaf: Tensor | np.ndarray[Any, Any]) -> bool:
    return isinstance(leaf, Tensor) and leaf.is_nested


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()
