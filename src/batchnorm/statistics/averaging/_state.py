"""What of a model is averaged: its tensors by their names, and what each of them is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

MEAN, VAR = "running_mean", "running_var"
COUNTERS = frozenset({"num_batches_tracked", "n_averaged"})
WRAPPERS = ("module.", "_orig_mod.")
"""What those put before every name whose attribute holds the model."""


@dataclass(frozen=True, eq=False)
class State:
    """The tensors of one model, by names without the prefix of its wrappers.

    Attributes:
        label: which of the models it is.
        tensors: its parameters and buffers.
        others: what a `state_dict` holds besides.
        means: the names of norms' means; `norm_of` says how the variance beside one is called.
        given: the name that each has in the model itself.
        metadata: the versions of modules that torch keeps with a `state_dict`.
    """

    label: str
    tensors: dict[str, Tensor]
    others: dict[str, Any]
    means: frozenset[str]
    given: dict[str, str]
    metadata: Any = field(default=None)

    def called(self, name: str) -> str:
        """The name in the words of whoever gave the model."""
        return repr(self.given.get(name, name))


def var_of(mean: str) -> str:
    """Return the name of the variance beside a mean.

    Example:
        >>> var_of("layer1.bn.running_mean")
        'layer1.bn.running_var'
    """
    return mean.removesuffix(MEAN) + VAR


def is_counter(name: str) -> bool:
    """Whether a tensor counts, by its name."""
    return name.rpartition(".")[2] in COUNTERS


def statistics_in(tensors: dict[str, Tensor]) -> frozenset[str]:
    """Name the means of norms: those with a variance of the same shape beside them."""
    return frozenset(
        name
        for name, tensor in tensors.items()
        if name.rpartition(".")[2] == MEAN
        and (variance := tensors.get(var_of(name))) is not None
        and tensor.is_floating_point()
        and variance.is_floating_point()
        and tensor.shape == variance.shape
    )


def unwrapped(names: Iterable[str]) -> dict[str, str]:
    """Give each name without the prefixes of wrappers, which all names of a model have, or none.

    A wrapper's own counter has none.

    Example:
        >>> unwrapped(["n_averaged", "module._orig_mod.weight"])
        {'n_averaged': 'n_averaged', 'weight': 'module._orig_mod.weight'}
    """
    found = {name: name for name in names}
    while prefix := next((one for one in WRAPPERS if _all_begin_with(one, found)), ""):
        found = {name.removeprefix(prefix): given for name, given in found.items()}
    return found


def _all_begin_with(prefix: str, names: Iterable[str]) -> bool:
    inner = [name for name in names if name not in COUNTERS]
    return bool(inner) and all(name.startswith(prefix) and name != prefix for name in inner)
