"""What must the running statistics be after a loop? By the formula, in float64, from calls that a test chooses.

A twin of the net runs the same loop. Its norms are written out below: they normalize each batch by itself, write down
the moments of each call, and move nothing. Which calls count, and which of them together, is said by hand in each test.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


class Call(NamedTuple):
    """What one call of a norm has seen, by channel."""

    count: int
    mean: np.ndarray
    squares: np.ndarray  # the sum of squared deviations from the mean


class State(NamedTuple):
    """What a norm stores."""

    mean: np.ndarray
    var: np.ndarray
    counter: int


class Written(nn.Module):
    """A norm by the batch, from the formula, that writes down what it sees; its buffers only have torch's names."""

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.eps, self.calls = eps, []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(moments(x))
        rows = x.movedim(1, -1)
        axes = tuple(range(x.dim() - 1))
        mean = rows.mean(axes)
        var = (rows - mean).square().mean(axes)
        return ((rows - mean) / (var + self.eps).sqrt() * self.weight + self.bias).movedim(-1, 1)


def moments(x: Tensor) -> Call:
    """Count, mean and sum of squares around the mean of each channel, in float64."""
    with np.errstate(invalid="ignore"):  # an overflow's inf
        rows = np.moveaxis(x.detach().double().numpy(), 1, 0).reshape(x.shape[1], -1)
        mean = rows.mean(1)
        return Call(rows.shape[1], mean, ((rows - mean[:, None]) ** 2).sum(1))


def together(calls: Iterable[Call]) -> Call:
    """What one call with the samples of all of them would have seen."""
    calls = list(calls)
    count = sum(call.count for call in calls)
    mean = sum(call.count * call.mean for call in calls) / count
    return Call(count, mean, sum(call.squares + call.count * (call.mean - mean) ** 2 for call in calls))


def state_of(norm: nn.Module) -> State:
    return State(
        norm.running_mean.detach().double().numpy().copy(),
        norm.running_var.detach().double().numpy().copy(),
        int(norm.num_batches_tracked),
    )


def moved(state: State, updates: Iterable[Call], momentum: float | None = 0.1) -> State:
    """The running statistics after some updates; `momentum` is the weight of the new batch, None equal weights."""
    mean, var, counter = state
    for call in updates:
        counter += 1
        weight = 1 / counter if momentum is None else momentum
        mean = (1 - weight) * mean + weight * call.mean
        var = (1 - weight) * var + weight * call.squares / (call.count - 1)
    return State(mean, var, counter)


def norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if getattr(module, "running_mean", None) is not None]


Choice = Callable[[list[Call]], Iterable[Call]]
"""Which updates there must be, of all the calls of a norm."""


def expected(twin: nn.Module, choice: Choice, momentum: float | None = 0.1) -> list[State]:
    """What the norms of the model must store whose twin has run the loop."""
    return [moved(state_of(norm), choice(norm.calls), momentum) for norm in norms(twin)]


def distance(model: nn.Module, states: list[State]) -> float:
    """How far the stored statistics lie from what they must be, relatively; infinite if a counter is wrong."""
    found = [state_of(norm) for norm in norms(model)]
    assert len(found) == len(states) > 0
    if [state.counter for state in found] != [state.counter for state in states]:
        return float("inf")
    far = [
        np.abs(a - b).max() / np.abs(b).max()
        for one, two in zip(found, states, strict=True)
        for a, b in _pairs(one, two)
    ]
    return float("inf") if np.isnan(far).any() else max(far)


def _pairs(one: State, two: State) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(one.mean, two.mean), (one.var, two.var)]
