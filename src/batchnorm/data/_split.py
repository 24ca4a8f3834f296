"""What is a set of labelled images in memory, and how is a validation part taken from it?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError, InputTypeError


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels as they are in the files, neither scaled nor normalized.

    Args:
        images: uint8 of shape (N, C, H, W).
        labels: int64 of shape (N,), the class numbers, counted from 0.

    Raises:
        ValueError: another dtype or shape, unequal lengths, or a negative label.

    Example:
        >>> split = Split(torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.tensor([0, 1, 0]))
        >>> len(split)
        3
        >>> split.subset(torch.tensor([2, 0])).labels
        tensor([0, 0])
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        """Refuse what no later step could use."""
        _expect(self.images, "images", torch.uint8, "(N, C, H, W)", dimensions=4)
        _expect(self.labels, "labels", torch.int64, "(N,)", dimensions=1)
        if len(self.images) != len(self.labels):
            raise InputError(
                argument="labels",
                expected="as many labels as images",
                got=f"{len(self.images)} images and {len(self.labels)} labels",
            )
        if len(self.labels) and int(self.labels.min()) < 0:
            raise InputError(argument="labels", expected="labels of at least 0", got=str(int(self.labels.min())))

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    def subset(self, index: Tensor) -> "Split":
        """The images at the places `index` (int64 or bool), in that order, as copies."""
        return Split(self.images[index], self.labels[index])


def split_off_validation(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Take a part of a training split away for validation, the same share of every class.

    Of a class with n images, `round(fraction * n)` are drawn, but never the last one: each class
    stays in training. Both parts keep the order of `split`. The draw depends on `seed` and on the
    labels' order alone.

    Args:
        split: the training images.
        fraction: 0 <= fraction < 1; 0 gives an empty validation part.
        seed: any integer that `torch.Generator.manual_seed` takes.

    Returns:
        The remaining training part and the validation part.

    Raises:
        ValueError: a fraction outside [0, 1).

    Example:
        >>> split = Split(torch.zeros(8, 1, 2, 2, dtype=torch.uint8), torch.arange(8) % 2)
        >>> training, validation = split_off_validation(split, 0.25, seed=0)
        >>> len(training), sorted(validation.labels.tolist())
        (6, [0, 1])
    """
    if not 0 <= fraction < 1:
        raise InputError(argument="fraction", expected="0 <= fraction < 1", got=str(fraction))
    chosen = torch.zeros(len(split), dtype=torch.bool)
    chosen[_stratified_draw(split.labels, fraction, seed)] = True
    return split.subset(~chosen), split.subset(chosen)


def _stratified_draw(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Draw the places of about `fraction` of each class, without a loop over the classes."""
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    # A stable sort by class keeps the shuffled order inside each class.
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    counts = torch.bincount(labels)
    quotas = (counts.double() * fraction).round().long().minimum((counts - 1).clamp(min=0))
    first_of_class = counts.cumsum(0) - counts
    sorted_labels = labels[by_class]
    rank_in_class = torch.arange(len(labels)) - first_of_class[sorted_labels]
    return by_class[rank_in_class < quotas[sorted_labels]]


def _expect(tensor: Tensor, name: str, dtype: torch.dtype, shape: str, *, dimensions: int) -> None:
    if not isinstance(tensor, Tensor):
        raise InputTypeError(
            argument=name,
            expected=f"a tensor of {dtype}, of shape {shape}",
            got=type(tensor).__name__,
            cure=f"Convert it: torch.as_tensor({name}, dtype={dtype}).",
        )
    if tensor.dtype != dtype or tensor.dim() != dimensions:
        raise InputError(
            argument=name,
            expected=f"{dtype} of shape {shape}",
            got=f"{tensor.dtype} of shape {tuple(tensor.shape)}",
        )
