"""Which classes do labels of any kind name, and are they the same in training and in testing?"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...files import one_line

_LONGEST = 100
"""Characters of a class's name."""
Labels = np.ndarray
"""(N,), numbers or words."""


def numbered(
    train: Labels, test: Labels, names: Sequence[str] | None, where: tuple[str, str]
) -> tuple[tuple[str, ...], Tensor, Tensor]:
    """Return the classes' names, and the labels as places among them.

    Without names the classes are the labels that training has, in order: of labels from 1 to 26 there are 26 classes.

    Args:
        train: labels of the training images.
        test: labels of the test images.
        names: of the classes whose numbers the labels are, from 0.
        where: what to call the two in messages.

    Raises:
        InputError: they are no labels, of one class only, or those of testing are of others.

    Example:
        >>> numbered(np.array([3, 5, 3]), np.array([5]), None, ("y_train", "y_test"))
        (('3', '5'), tensor([0, 1, 0]), tensor([1]))
    """
    both = [_plain(labels, place) for labels, place in zip((train, test), where, strict=True)]
    if (both[0].dtype.kind == "U") != (both[1].dtype.kind == "U"):
        raise InputError(f"{where[0]} and {where[1]}: expected words in both or numbers in both, got one of each")
    known = np.unique(both[0])
    if len(known) < 2:
        raise InputError(f"{where[0]}: expected at least two classes, got {_listed(known)} alone")
    if unknown := sorted({*both[1].tolist()} - {*known.tolist()}):
        raise InputError(f"{where[1]}: has labels that {where[0]} does not have: {_listed(unknown)}")
    if names is None:
        classes = tuple(one_line(str(label), _LONGEST) for label in known.tolist())
        first, second = (torch.from_numpy(np.searchsorted(known, labels)) for labels in both)
    else:
        _check_names(names, known, where[0])
        classes = tuple(one_line(name, _LONGEST) for name in names)
        first, second = (torch.from_numpy(labels.astype(np.int64)) for labels in both)
    if len({*classes}) < len(classes) or not all(classes):
        raise InputError(f"{where[0]}: expected a name of its own for each class, got {_listed(classes)}")
    return classes, first, second


def _plain(labels: Labels, where: str) -> Labels:
    """Labels as whole numbers of at least 0, or as words."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        cure = "Of one-hot rows the classes' numbers are labels.argmax(1)." if labels.ndim == 2 else ""
        raise InputError(f"{where}: expected labels of shape (N,), got {labels.shape}", cure=cure)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "latin-1")
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype.kind not in "uif":
        raise InputError(f"{where}: expected whole numbers or words, got {labels.dtype}")
    if labels.dtype.kind == "f" and not bool((np.isfinite(labels) & (labels == np.round(labels))).all()):
        raise InputError(f"{where}: expected whole numbers, got fractions or no numbers")
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < 2**31:
        raise InputError(f"{where}: expected labels of at least 0, got {int(labels.min())} to {int(labels.max())}")
    return labels.astype(np.int64)


def _check_names(names: Sequence[str], known: Labels, where: str) -> None:
    if known.dtype.kind == "U" or int(known.max()) >= len(names):
        raise InputError(
            f"{where}: expected labels from 0 to {len(names) - 1}, the classes' numbers, got {known.max()}"
        )
    if missing := sorted({*range(len(names))} - {*known.tolist()}):
        raise InputError(f"{where}: has no image of {_listed([names[number] for number in missing])}")


def _listed(values: Sequence[object] | Labels) -> str:
    shown = ", ".join(one_line(str(value), 40) for value in [*values][:5])
    return shown + (f" and {len(values) - 5} more" if len(values) > 5 else "") if len(values) else "none"
