"""How is a model called with an example?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only


@dataclass(frozen=True, slots=True)
class Example:
    """The arguments of one call of a model."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def tensors(self) -> list[Tensor]:
        """Every tensor of the call, in a fixed order."""
        return [leaf for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Tensor)]

    def run(self, model: nn.Module) -> Any:
        """Call the model."""
        return model(*self.args, **self.kwargs)

    def mapped(self, fn: Callable[[Tensor], Tensor]) -> "Example":
        """The same call with other tensors."""
        return Example(tree_map_only(Tensor, fn, self.args), tree_map_only(Tensor, fn, self.kwargs))

    def to(self, dtype: torch.dtype) -> "Example":
        """The same call with real numbers of another dtype; whole numbers and truth values stay."""
        return self.mapped(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def copied(self) -> "Example":
        """The same call with tensors of its own, for a model may write into what it is given."""
        return self.mapped(lambda tensor: tensor.detach().clone())


def as_example(raw: object, verb: str) -> Example:
    """Read what a caller gave as the arguments of one call.

    Args:
        raw: a tensor, a tuple of positional arguments, or a dict of keyword arguments.
        verb: whose mistakes are told.

    Raises:
        TypeError: it is none of these.

    Example:
        >>> as_example(torch.zeros(2), "fold").args
        (tensor([0., 0.]),)
        >>> as_example({"x": 1}, "fold").kwargs
        {'x': 1}
    """
    if isinstance(raw, Tensor):
        return Example((raw,), {})
    if isinstance(raw, tuple):
        return Example(raw, {})
    if isinstance(raw, Mapping):
        return Example((), {str(key): value for key, value in raw.items()})
    raise TypeError(
        f"{verb}: expected an example that is a tensor, a tuple of the model's arguments, or a dict of its keyword "
        f"arguments, got {type(raw).__name__}. Give what the model is called with: "
        f"{verb}(model, torch.randn(1, 3, 224, 224))"
    )


def as_examples(raw: object, verb: str) -> tuple[Example, ...]:
    """Read one example, or a list of several.

    Raises:
        TypeError: one of them is nothing that a model can be called with.
        ValueError: the list is empty.
    """
    if not isinstance(raw, list):
        return (as_example(raw, verb),)
    if not raw:
        raise ValueError(
            f"{verb}: expected at least one example, got an empty list. Give what the model is called with."
        )
    return tuple(as_example(one, verb) for one in raw)


def check_device(examples: Sequence[Example], model: nn.Module, verb: str) -> None:
    """Say it if an example lies on another device than the whole model.

    Raises:
        ValueError: it does.
    """
    homes = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    for example in examples:
        for tensor in example.tensors:
            if len(homes) == 1 and tensor.device not in homes:
                (home,) = homes
                raise ValueError(
                    f"{verb}: expected examples on the model's device {home}, got one on {tensor.device}. "
                    f"Move it: example.to({str(home)!r})"
                )
