"""How long does a training step of a net take, beside one of another net, and how much does it keep for backward?"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...bench import Arm, Sweep, last_level_cache, saved_bytes, state_of, time_in_turn

RATE = 1e-3
"""So small that no net diverges while it sees the same batch again and again."""


@dataclass(frozen=True)
class StepCost:
    """What a training step costs.

    Attributes:
        milliseconds: the median.
        times: this median over that of the other net, whose steps ran in between.
        kept: bytes that the forward keeps for the backward, parameters and buffers apart.
    """

    milliseconds: float
    times: float
    kept: int


def step_cost(net: nn.Module, other: nn.Module, images: Tensor, labels: Tensor, *, rounds: int) -> StepCost:
    """Time whole training steps (forward, cross entropy, backward, SGD) of two nets in turn, with cold caches.

    Since a step of the one is followed by a step of the other, what else the machine does slows down both, and the
    quotient says more than the milliseconds. Both nets are trained meanwhile.

    Args:
        net: what is measured.
        other: what it is measured against.
        images: a batch.
        labels: its labels.
        rounds: timed steps of each net, behind three that warm up.

    Example:
        >>> nets = [nn.Sequential(nn.Flatten(), nn.Linear(4, 2)) for _ in range(2)]
        >>> cost = step_cost(*nets, torch.randn(8, 1, 2, 2), torch.arange(8) % 2, rounds=3)
        >>> cost.kept  # the logarithms of 16 chances, and a number
        68
    """
    steps = {name: _Step(one, images, labels) for name, one in (("net", net), ("other", other))}
    arms = {name: Arm(_run(step)) for name, step in steps.items()}
    timings = time_in_turn(arms, rounds=rounds, warmup=3, sweep=Sweep(last_level_cache()))
    median = timings["net"].median
    return StepCost(median, median / timings["other"].median, steps["net"].kept())


def _run(step: "_Step") -> Callable[[object], object]:
    return lambda _: step.take()


class _Step:
    """A net with its optimizer and one batch."""

    def __init__(self, net: nn.Module, images: Tensor, labels: Tensor) -> None:
        self.net, self.images, self.labels = net.train(), images, labels
        self.optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9)

    def loss(self) -> Tensor:
        return F.cross_entropy(self.net(self.images), self.labels)

    def take(self) -> None:
        self.optimizer.zero_grad()
        self.loss().backward()  # type: ignore[no-untyped-call]  # torch's annotation of it is incomplete
        self.optimizer.step()

    def kept(self) -> int:
        return saved_bytes(self.loss, [*state_of(self.net), self.images, self.labels])
