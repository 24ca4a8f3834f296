"""How is a net trained in a run? By the plainest loop that everybody would write, so that only the arms differ."""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import Batches
from ..training import parameter_groups

Loss = Callable[[Tensor, Tensor], Tensor]
OnStep = Callable[[int, float], bool | None]


@dataclass(frozen=True)
class Recipe:
    """What a training is made by, besides the net and its images.

    Args:
        lr: the learning rate of torch's SGD.
        epochs: how often all images are seen.
        momentum: of SGD, without Nesterov's change.
        weight_decay: of SGD.
        decay_all: whether the norms' weights and biases, and all biases, decay, too.
        schedule: "cosine" falls to 0 over the training, "constant" stays.
        loss: of logits and labels.
        penalty: is added to it, of the net.
        clip_norm: gradients whose norm is larger are scaled down to it; None: none are.
        on_step: is called behind each update with the number of steps done and the loss ahead of it; True ends it.
    """

    lr: float
    epochs: int
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay_all: bool = False
    schedule: Literal["cosine", "constant"] = "cosine"
    loss: Loss = F.cross_entropy
    penalty: Callable[[nn.Module], Tensor] | None = None
    clip_norm: float | None = None
    on_step: OnStep | None = None


@dataclass
class Trained:
    """How a training went: its losses, each ahead of its update, and why it diverged, if it did."""

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    diverged: str | None = None

    @property
    def steps(self) -> int:
        """How many losses there are, one for each step."""
        return len(self.losses)


def train(net: nn.Module, batches: Batches, seed: int, recipe: Recipe) -> Trained:
    """Train a net by SGD; a loss that is not finite ends it, and is no error.

    Args:
        net: is left in training mode.
        batches: shuffled.
        seed: of the order of the images.
        recipe: see there.

    Example:
        >>> from batchnorm.data import Normalization, Split
        >>> split = Split(torch.randint(256, (64, 1, 2, 2), dtype=torch.uint8), torch.arange(64) % 2)
        >>> batches = Batches(split, 16, Normalization((0.5,), (0.5,)), shuffle=True)
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        >>> train(net, batches, 0, Recipe(lr=0.1, epochs=2)).steps
        8
    """
    trained = Trained()
    start = time.perf_counter()
    groups = parameter_groups(net, recipe.weight_decay, decay_all=recipe.decay_all)
    optimizer = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    total = max(recipe.epochs * len(batches), 1)
    device = next(net.parameters()).device
    net.train()
    with closing(_all_batches(batches, seed, recipe.epochs)) as given:
        for images, labels in given:
            if recipe.schedule == "cosine":
                for group in optimizer.param_groups:
                    group["lr"] = recipe.lr * (1 + math.cos(math.pi * trained.steps / total)) / 2
            optimizer.zero_grad()
            loss = recipe.loss(net(images.to(device)), labels.to(device))
            trained.losses.append(loss.item())
            if not math.isfinite(trained.losses[-1]):
                trained.diverged = f"the loss of step {trained.steps} is not finite"
                break
            whole = loss if recipe.penalty is None else loss + recipe.penalty(net)
            whole.backward()  # type: ignore[no-untyped-call]  # torch's annotation of it is incomplete
            if recipe.clip_norm is not None:
                nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
            optimizer.step()
            if recipe.on_step is not None and recipe.on_step(trained.steps, trained.losses[-1]):
                break
    trained.seconds = time.perf_counter() - start
    return trained


def _all_batches(batches: Batches, seed: int, epochs: int) -> Generator[tuple[Tensor, Tensor]]:
    for epoch in range(epochs):
        yield from batches.epoch(seed, epoch)


@torch.no_grad()
def judge(net: nn.Module, batches: Batches, loss: Loss = F.cross_entropy) -> tuple[float, float]:
    """Return the percentage of images that a net classifies correctly in evaluation mode, and the mean loss.

    The net's modes are as before. A net that gives no finite number is as wrong as it can be.
    """
    device = next(net.parameters()).device
    hits, total, count = 0, 0.0, 0
    with _evaluating(net):
        for images, labels in batches:
            logits, known = net(images.to(device)), labels.to(device)
            finite = logits.isfinite().all(1)
            hits += int(((logits.argmax(1) == known) & finite).sum())
            total += loss(logits, known).item() * len(known)
            count += len(known)
    return 100 * hits / count, total / count


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
