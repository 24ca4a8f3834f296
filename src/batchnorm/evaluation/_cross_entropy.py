"""How good are a classifier's outputs, if nobody says how to judge them?"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError, InputTypeError, Setting, its_type

IGNORED = -100
"""The class number by which torch's cross entropy leaves a place out."""


class CrossEntropy:
    """Mean cross entropy and accuracy over all that is classified, samples or pixels, summed in float64.

    A prediction that is NaN is no prediction, and wrong.
    """

    def __init__(self) -> None:
        self._loss, self._counted = 0.0, 0
        self._right: int | None = 0

    def add(self, outputs: Any, targets: Any, samples: int) -> None:
        """Take one batch: outputs (N, C, *), targets the class numbers (N, *) or the probabilities (N, C, *).

        Raises:
            InputTypeError: outputs or targets are no tensors.
            InputError: the two do not fit, or cross entropy says nothing about them.
        """
        logits, wanted = _checked(outputs, targets)
        losses = F.cross_entropy(logits, wanted, reduction="none", ignore_index=IGNORED)
        self._loss += losses.cpu().double().sum().item()
        if wanted.is_floating_point():
            self._counted += losses.numel()
            self._right = None
            return
        counts = wanted != IGNORED
        self._counted += int(counts.sum())
        if self._right is not None:
            right = (logits.argmax(1) == wanted) & counts & ~logits.isnan().any(1)
            self._right += int(right.sum())

    def result(self) -> dict[str, float]:
        """Return the loss, and the accuracy where the targets are class numbers."""
        if not self._counted:
            raise InputError(
                argument="loader", expected="targets that count", got=f"only the class number {IGNORED}, which does not"
            )
        loss = {"loss": self._loss / self._counted}
        return loss if self._right is None else {**loss, "accuracy": self._right / self._counted}


def are_probabilities(values: Any) -> bool:
    """Whether values are what a softmax gives: none below 0, and a sum of 1 over the classes.

    Example:
        >>> are_probabilities(torch.tensor([[0.2, 0.8]])), are_probabilities(torch.tensor([[0.2, 0.9]]))
        (True, False)
    """
    if not isinstance(values, Tensor) or values.ndim < 2 or not values.is_floating_point() or not values.numel():
        return False
    sums = values.float().sum(1)
    return bool((values >= 0).all()) and bool((sums - 1).abs().max() < 1e-3)


def _checked(outputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    for name, value in (("outputs", outputs), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise InputTypeError(
                f"cross entropy judges a model unless another metric is given, by {name}",
                expected="a tensor",
                got=its_type(value),
                cure=_own("outputs.logits, targets" if name == "outputs" else "outputs, targets"),
            )
    if outputs.ndim < 2 or not outputs.is_floating_point() or outputs.shape[1] < 2:
        raise _misfit(outputs, targets, "outputs of a number for each of at least two classes, (N, C)")
    logits = outputs if outputs.dtype == torch.float64 else outputs.float()
    if targets.is_floating_point():
        if targets.shape != outputs.shape or not are_probabilities(targets):
            raise _misfit(outputs, targets, "targets that are class numbers, or probabilities of all classes")
        return logits, targets.to(logits.dtype)
    if targets.is_complex() or targets.shape != (len(outputs), *outputs.shape[2:]):
        raise _misfit(outputs, targets, "a class number for each output")
    numbers = targets.long()
    known = numbers[numbers != IGNORED]
    if known.numel() and not 0 <= int(known.min()) <= int(known.max()) < outputs.shape[1]:
        odd = int(known.min()) if int(known.min()) < 0 else int(known.max())
        raise InputError(
            argument="loader",
            expected=f"class numbers from 0 to {outputs.shape[1] - 1}, for the model has {outputs.shape[1]} outputs",
            got=str(odd),
        )
    return logits, numbers


def _misfit(outputs: Tensor, targets: Tensor, expected: str) -> InputError:
    said = [f"{one.dtype} of shape {tuple(one.shape)}".removeprefix("torch.") for one in (outputs, targets)]
    return InputError(
        "cross entropy judges a model unless another metric is given, and cannot judge these",
        expected=expected,
        got=f"outputs {said[0]} and targets {said[1]}",
        cure=_own("outputs, targets"),
    )


def _own(arguments: str) -> tuple[str | Setting, ...]:
    return ("Say how to judge them: ", Setting("metric"), f"=lambda outputs, targets: my_loss({arguments}).")
