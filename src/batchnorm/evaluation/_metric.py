"""What does a caller's metric come to over all batches?"""

import copy
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from ..errors import InputError, InputTypeError, its_type
from ._cross_entropy import CrossEntropy

Metric = Callable[[Any, Any], Any] | object
"""A function of (outputs, targets), or what has `update`, `compute` and `reset`."""


class Tally(Protocol):
    """Takes the batches of one pass."""

    def add(self, outputs: Any, targets: Any, samples: int) -> None:
        """Take one batch."""

    def result(self) -> dict[str, float]:
        """Return what all of them came to, by name."""


def tally_of(metric: Any) -> Callable[[], Tally]:
    """Return what makes a tally for each pass.

    Raises:
        InputTypeError: it is no metric.
        InputError: it gives sums.
    """
    if metric is None:
        return CrossEntropy
    if isinstance(metric, Mapping) and metric and not _accumulates(metric):
        several = {str(name): tally_of(one) for name, one in metric.items()}
        return lambda: _Several({name: make() for name, make in several.items()})
    if isinstance(metric, type):
        raise _no_metric(f"the class {metric.__name__} itself", f"Make one: metric={metric.__name__}(...).")
    if _accumulates(metric):
        return partial(_Accumulated, metric)
    if not callable(metric):
        raise _no_metric(its_type(metric), "Leave it out for loss and accuracy.")
    if _reduction(metric) == "sum":
        raise InputError(
            argument="metric", expected="a mean over the batch", got='reduction="sum"', cure='Take reduction="mean".'
        )
    return partial(_Averaged, metric)


class _Averaged:
    """A function of (outputs, targets), averaged over the samples: each batch counts as often as it has samples."""

    def __init__(self, metric: Callable[[Any, Any], Any]) -> None:
        self._metric, self._name = metric, _name_of(metric)
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, outputs: Any, targets: Any, samples: int) -> None:
        value = self._metric(outputs, targets)
        if isinstance(value, Tensor) and value.ndim == 1 and len(value) == samples > 1:
            value = value.double().mean() if value.device.type != "mps" else value.mean()
        for name, number in _numbers(value, self._name).items():
            total, counted = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + number * samples, counted + samples

    def result(self) -> dict[str, float]:
        return {name: total / counted for name, (total, counted) in self._sums.items()}


class _Accumulated:
    """An object with `update(outputs, targets)` and `compute()`; a copy of it, so that the caller's stays as it is."""

    def __init__(self, metric: Any) -> None:
        try:
            self._metric = copy.deepcopy(metric)
        except Exception as error:  # whatever somebody's object raises
            raise InputTypeError(
                f"a copy judges each kind of statistics, and copying it raised {type(error).__name__}: {error}",
                argument="metric",
            ) from error
        self._metric.reset()
        self._name = type(metric).__name__
        self._placed = not isinstance(metric, nn.Module)

    def add(self, outputs: Any, targets: Any, samples: int) -> None:
        if not self._placed and isinstance(outputs, Tensor):
            self._metric.to(outputs.device)
            self._placed = True
        self._metric.update(outputs, targets)

    def result(self) -> dict[str, float]:
        return _numbers(self._metric.compute(), self._name)


class _Several:
    """Metrics by name."""

    def __init__(self, tallies: dict[str, Tally]) -> None:
        self._tallies = tallies

    def add(self, outputs: Any, targets: Any, samples: int) -> None:
        for tally in self._tallies.values():
            tally.add(outputs, targets, samples)

    def result(self) -> dict[str, float]:
        return {
            name if len(found) == 1 else f"{name} {part}": number
            for name, tally in self._tallies.items()
            for found in (tally.result(),)
            for part, number in found.items()
        }


def finite(numbers: dict[str, float]) -> dict[str, float | None]:
    """Return the numbers with None for those that are not finite, as records have it."""
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}


def _numbers(value: Any, name: str) -> dict[str, float]:
    """Read what a metric gave: a number, or numbers by name."""
    if isinstance(value, Mapping):
        return {str(key): _number(one, f"{name}[{key!r}]") for key, one in value.items()}
    return {name: _number(value, name)}


def _number(value: Any, name: str) -> float:
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
        return float(value.item())
    if isinstance(value, np.ndarray | np.generic) and value.size == 1 and np.isrealobj(value):
        value = value.item()
    if isinstance(value, int | float):
        return float(value)
    got = its_type(value)
    if isinstance(value, Tensor | np.ndarray):
        got += f" of shape {tuple(value.shape)}"
    raise InputTypeError(
        argument="metric",
        expected="a number for a batch, or a dict of numbers",
        got=f"{got} from {name}",
        cure="Let it return one, such as the mean over the batch.",
    )


def _accumulates(metric: object) -> bool:
    return all(callable(getattr(metric, name, None)) for name in ("update", "compute", "reset"))


def _reduction(metric: Any) -> object:
    if isinstance(metric, partial):
        return metric.keywords.get("reduction")
    return getattr(metric, "reduction", None)


def _name_of(metric: Any) -> str:
    while isinstance(metric, partial):
        metric = metric.func
    name = getattr(metric, "__name__", None) or type(metric).__name__
    return "metric" if name in ("<lambda>", "function") else str(name)


def _no_metric(got: str, cure: str) -> InputTypeError:
    return InputTypeError(
        argument="metric",
        expected="a function of (outputs, targets), or an object with update, compute and reset",
        got=got,
        cure=cure,
    )
