"""How good a net's outputs are: loss, accuracy, per-class scores, confusion matrix."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import RefusedError
from ..models import how_to_mend
from ..records import ClassScores, Judgement, Scores


@torch.no_grad()
def collect_outputs(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Run `model`, in the modes that its modules are in, over `batches` of (images, labels).

    Returns:
        The outputs, (N, classes) float32, and the labels, (N,) int64, both on the CPU.
    """
    outputs, labels = [], []
    for images, wanted in batches:
        outputs.append(model(images.to(device)).float().cpu())
        labels.append(wanted.cpu())
    return torch.cat(outputs), torch.cat(labels)


def loss_and_accuracy(outputs: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the mean cross entropy (no label smoothing) and the part of images that are right (0…1).

    Example:
        >>> loss_and_accuracy(torch.tensor([[0.0, 0.0], [0.0, 9.0]]), torch.tensor([0, 1]))[1]
        1.0
    """
    loss = F.cross_entropy(outputs, labels).item()
    return loss, (outputs.argmax(1) == labels).double().mean().item()


def judge(net: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device) -> Judgement:
    """Return the loss and the accuracy of `net` in evaluation mode."""
    return judgement_of(*collect_outputs(net.eval(), batches, device))


def judgement_of(outputs: Tensor, labels: Tensor) -> Judgement:
    """Return the loss and the accuracy of `outputs`, whatever they are."""
    loss, accuracy = loss_and_accuracy(outputs, labels)
    return Judgement(loss if math.isfinite(loss) else None, accuracy)


def score(outputs: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Scores:
    """Return all scores of `outputs` (N, len(classes)) against `labels` (N,).

    A class that was never predicted has precision 0, one that never occurs has recall 0.

    Raises:
        RefusedError: torchmetrics cannot be imported, because a torchvision is installed that cannot.
    """
    try:
        from torchmetrics.functional.classification import (
            multiclass_confusion_matrix,
            multiclass_f1_score,
            multiclass_precision,
            multiclass_recall,
        )
    except RuntimeError as error:
        problem = f"torchmetrics, which counts, imports the torchvision that is installed, and that raised: {error}"
        raise RefusedError(problem, cure=how_to_mend(error)) from error

    count, guesses = len(classes), outputs.argmax(1)
    confusion = multiclass_confusion_matrix(guesses, labels, count)
    each = [
        metric(guesses, labels, count, average="none").tolist()
        for metric in (multiclass_precision, multiclass_recall, multiclass_f1_score)
    ]
    loss, accuracy = loss_and_accuracy(outputs, labels)
    return Scores(
        loss=loss,
        accuracy=accuracy,
        images=len(labels),
        classes=tuple(map(ClassScores, classes, *each, confusion.sum(1).tolist())),
        confusion=tuple(map(tuple, confusion.tolist())),
    )
