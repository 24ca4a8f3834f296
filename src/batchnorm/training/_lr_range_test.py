"""Which learning rate suits a loop of one's own? A model, its loader and its optimizer, tried and put back."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from ..calls import ForwardFn, Reader
from ..errors import InputError, InputTypeError, its_type
from ..evaluation import Example, Examples, TargetFn, as_loader
from ..records import LRRangeTest
from ..runs import check_options
from ..transaction import Transaction, generators_of, rng_state, same_rng, transaction, verb
from ._lr_range_options import LRRangeOptions
from ._lr_sweep import swept
from ._suggested_lr import SMOOTHING, suggested

LossFn = Callable[[Any, Any], Tensor]
"""From the model's outputs and the targets to the loss that the loop minimizes."""
DEFAULTS = LRRangeOptions()


@verb
def lr_range_test(
    model: nn.Module,
    loader: Iterable[Any] | Dataset[Any],
    optimizer: torch.optim.Optimizer,
    loss_fn: LossFn = F.cross_entropy,
    *,
    options: LRRangeOptions = DEFAULTS,
    forward_fn: ForwardFn | None = None,
    target_fn: TargetFn | None = None,
    batch_size: int | None = None,
) -> LRRangeTest:
    """Suggest a learning rate for a loop of one's own: train at rising rates, and put model and optimizer back.

    The rule is that of `find_lr`. A step is `zero_grad`, `loss_fn(outputs, targets)`, `backward` and `optimizer.step`.
    Where parameter groups have different rates, they keep their ratios, and the rates are those of the highest. The
    model is in training mode meanwhile, by its own `train()`. Afterwards model, optimizer, gradients and random state
    are as they were, bit for bit (see `batchnorm.transaction` for what is put back).

    Args:
        model: the model, on its device.
        loader: gives batches of (inputs, targets) anew whenever it is iterated over; or a data set.
        optimizer: of the model's parameters.
        loss_fn: the loss to minimize.
        options: between which rates, and in how many steps.
        forward_fn: how the model is called, `forward_fn(model, batch)`.
        target_fn: where the targets of a batch are, `target_fn(batch)`.
        batch_size: for a data set.

    Raises:
        InputError, InputTypeError: an argument cannot be used.
        Exception: whatever the loader, the model, the loss or the optimizer raises.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        >>> x = torch.randn(256, 4)
        >>> batches = [(some, (some.sum(1) > 0).long()) for some in x.split(32)]
        >>> found = lr_range_test(net, batches, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9))
        >>> 1e-3 < found.suggestion < 10
        True
    """
    check_options(options, LRRangeOptions)
    _check_optimizer(optimizer, model)
    if not callable(loss_fn):
        raise InputTypeError(argument="loss_fn", expected="a function of (outputs, targets)", got=its_type(loss_fn))
    data = as_loader(loader, batch_size)
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    examples = Examples(data, Reader(model, "lr_range_test", forward_fn), device, target_fn)
    with (
        same_rng(rng_state([device], generators_of(data))),
        transaction(model, scripts=True) as change,
        torch.inference_mode(mode=False),
        torch.enable_grad(),
    ):
        change.remember(vars(optimizer), *([loss_fn] if isinstance(loss_fn, nn.Module) else []))
        change.train()
        step = _Step(change, examples, optimizer, loss_fn)
        steps, ended = swept(options, step)
    found = suggested(steps, ended, options)
    return LRRangeTest(
        model=type(change.module).__name__,
        data=None,
        optimizer=type(optimizer).__name__,
        batch_size=step.samples,
        smoothing=SMOOTHING,
        steps=steps,
        ended=ended,
        suggestion=found.lr,
        lowest=found.lowest,
        fallen=found.fallen,
        problem=found.problem,
        notes=change.notes,
    )


class _Step:
    """Takes a step at a rate, on the next batch, and gives its loss."""

    def __init__(
        self, change: Transaction, examples: Examples, optimizer: torch.optim.Optimizer, loss_fn: LossFn
    ) -> None:
        self.model, self.optimizer, self.loss_fn = change.module, optimizer, loss_fn
        self.samples = 0
        self._batches = _endless(examples)
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        self._ratios = [rate / max(rates) if max(rates) else 1.0 for rate in rates]

    def __call__(self, rate: float) -> float | None:
        for group, ratio in zip(self.optimizer.param_groups, self._ratios, strict=True):
            present = group["lr"]
            group["lr"] = torch.full_like(present, rate * ratio) if isinstance(present, Tensor) else rate * ratio
        example = next(self._batches)
        self.samples = self.samples or example.samples
        loss: object = self.loss_fn(example.call.run(self.model), example.targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
            raise InputTypeError(
                argument="loss_fn",
                expected="to return a tensor with one number that depends on the parameters",
                got=its_type(loss) + (f" of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else ""),
            )
        value = float(loss.detach())
        if not math.isfinite(value):
            return None
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.optimizer.step()
        return value


def _endless(examples: Examples) -> Iterator[Example]:
    """Give the loader's batches, from the first again behind the last."""
    for epoch in count():
        given = False
        for example in examples:
            given = True
            yield example
        if not given:
            got = "none" if epoch == 0 else "none when it was iterated over again"
            raise InputError(
                argument="loader",
                expected="at least one batch, every time",
                got=got,
                cure="Give one that can be iterated over more than once, such as a list of batches.",
            )


def _check_optimizer(optimizer: object, model: nn.Module) -> None:
    """Refuse what no step of this test suits, or whose state lies where it cannot be put back."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise InputTypeError(argument="optimizer", expected="a torch.optim.Optimizer", got=its_type(optimizer))
    if isinstance(optimizer, torch.optim.LBFGS):
        raise InputTypeError(
            argument="optimizer", expected="one that takes a step by itself", got="LBFGS, which asks for a closure"
        )
    if not {"state", "param_groups"} <= vars(optimizer).keys():
        raise InputTypeError(
            argument="optimizer",
            expected="an optimizer with a state of its own",
            got=f"{its_type(optimizer)}, which hands on to another",
            cure="Pass the optimizer as it was before it was wrapped.",
        )
    own = {*model.parameters()}
    if not any(parameter in own for group in optimizer.param_groups for parameter in group["params"]):
        raise InputError(
            argument="optimizer",
            expected="an optimizer of the model's parameters",
            got="one that has none of them",
            cure="Make it behind whatever gives the model other parameters.",
        )
