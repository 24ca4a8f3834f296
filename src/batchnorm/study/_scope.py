"""How much is a claim given: seeds, images, epochs?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Budget = Literal["quick", "standard", "thorough"]
"""The sizes in which a study can be had."""


@dataclass(frozen=True)
class Scope:
    """What a budget lets a claim use.

    Args:
        seeds: 0, 1, ... up to this number; every arm is run with each.
        train_images: of the training split, drawn by class, the same in every run; all, if it has no more.
        epochs: how often a training sees them.
        test_images: likewise of the test split; None: all.
        options: further numbers of the claim's own.
        arms: the names of the only arms that are run; None: all.

    Example:
        >>> Scope(seeds=6, train_images=10_000, epochs=3).test_images is None
        True
    """

    seeds: int
    train_images: int
    epochs: int
    test_images: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    arms: tuple[str, ...] | None = None
