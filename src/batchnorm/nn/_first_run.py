"""Which statistics does a forward read that activation checkpointing runs again? Those that its first run read.

By then they have moved, and a source that reads them (`Renorm`) would normalize by others. So where a forward may be
run again, a layer with such a source keeps what it began with; the second run finds it by what it is given.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Module

from ._nothing import nothing

MOST = 64
"""Runs that a layer remembers; what is older belongs to forwards that no backward followed."""


class Beginning(NamedTuple):
    """What a layer's statistics were when a run began."""

    mean: Tensor
    var: Tensor
    counter: Tensor | None


class _Runs:
    """The runs that may come again, the newest last; a copy of the layer has none."""

    def __init__(self) -> None:
        self.kept: deque[tuple[Tensor, Beginning]] = deque(maxlen=MOST)

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return nothing, ()


def remember(layer: Any, x: Tensor, began: Beginning) -> None:
    """Keep what a run began with, if it may come again: then it records no gradients, or others keep its tensors."""
    if torch.is_grad_enabled() and torch._C._autograd._top_saved_tensors_default_hooks(True) is None:
        return
    runs = layer.__dict__.get("_runs")
    if runs is None:
        runs = layer.__dict__["_runs"] = _Runs()
    counter = None if began.counter is None else began.counter.clone()
    runs.kept.append((_few_of(x), Beginning(began.mean.detach().clone(), began.var.detach().clone(), counter)))


def recall(layer: Module, x: Tensor) -> Beginning | None:
    """What the newest run began with that was given the same; None where nothing is known."""
    few, runs = _few_of(x), layer.__dict__.get("_runs") or _Runs()
    found: Beginning | None = next((began for seen, began in reversed(runs.kept) if torch.equal(seen, few)), None)
    return found


def _few_of(x: Tensor) -> Tensor:
    """Some of the values of a batch, from all over it."""
    values = x.detach().reshape(-1)
    return values[:: max(1, len(values) // MOST)].clone()
