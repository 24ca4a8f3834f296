"""Which images does a study use? The same ones in every run, drawn by class, loaded once in a process."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ..data import DatasetInfo, Normalization, Split, split_off_validation, stratified_draw
from ..runs import source_of

Part = Literal["train", "validation", "test"]

VALIDATION = 0.1
"""The share of the training images that a search keeps for validation."""


@dataclass(frozen=True, eq=False)
class StudyImages:
    """The images of a study, and the constants that normalize them."""

    info: DatasetInfo
    parts: dict[str, Split]
    normalization: Normalization


@lru_cache(maxsize=4)
def study_images(data: str, train_images: int, test_images: int | None, *, searching: bool) -> StudyImages:
    """Return the images of a data set: so many of each split, drawn by class.

    Args:
        data: a name or path, as `batchnorm train --data` takes it.
        train_images: how many, validation images included; all, if there are no more.
        test_images: likewise; None: all.
        searching: give a tenth of the training images as validation images, and no test images.

    Raises:
        InputError: there is no such data set, or it cannot be read.

    Example:
        >>> images = study_images("fashion-mnist-mini", 200, 100, searching=True)
        >>> len(images.parts["train"]), len(images.parts["validation"]), "test" in images.parts
        (180, 20, False)
    """
    source = source_of(data)
    train = _drawn(source.load("train"), train_images)
    parts = {"train": train}
    if searching:
        parts["train"], parts["validation"] = split_off_validation(train, VALIDATION, seed=0)
    else:
        parts["test"] = _drawn(source.load("test"), test_images)
    return StudyImages(source.info, parts, Normalization.of(parts["train"].images))


def _drawn(split: Split, count: int | None) -> Split:
    if count is None or count >= len(split):
        return split
    return split.subset(stratified_draw(split.labels, count / len(split), seed=0))
