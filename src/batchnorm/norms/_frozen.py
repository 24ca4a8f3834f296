"""How does a norm stay in evaluation, whatever `train()` and `eval()` of its model say, and remain what it is?"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torch import nn


class Frozen:
    """Stands as `train` in a frozen norm: the norm stays in evaluation, its children (an activation) are switched.

    torch's `train()` and `eval()` of a model ask each child's `train`, and an instance's own comes before that of its
    class. It is copied and pickled with the norm. What it says never changes, for whoever puts a module's attributes
    back would not look into it: a call puts another one in its place.

    Attributes:
        module: the norm.
        asked: the last mode that it was asked for, in which it would be now.
        former: the `train` that stood in the norm before, of somebody else; None if there was none.

    Example:
        >>> norm = nn.BatchNorm1d(3)
        >>> norm.train = Frozen(norm, asked=True)
        >>> norm.train().training
        False
    """

    def __init__(self, module: nn.Module, *, asked: bool, former: Callable[..., Any] | None = None) -> None:
        self.module = module
        self.asked = asked
        self.former = former

    def __call__(self, mode: bool = True) -> nn.Module:  # noqa: FBT001  # as `train` has it
        self.evaluate()
        for child in self.module.children():
            child.train(mode)
        if mode != self.asked:
            vars(self.module)["train"] = Frozen(self.module, asked=mode, former=self.former)
        return self.module

    def evaluate(self) -> None:
        """Switch the norm to evaluation as it does it itself: it may do more than set `training`, or refuse."""
        if self.former is not None:
            self.former(False)
        elif type(self.module).train is not nn.Module.train:
            type(self.module).train(self.module, False)
        self.module.training = False


def is_frozen(module: nn.Module) -> bool:
    """Whether `batchnorm.freeze` holds the statistics of a norm.

    Example:
        >>> from batchnorm import freeze
        >>> norm = nn.BatchNorm1d(3)
        >>> is_frozen(norm)
        False
        >>> _ = freeze(norm)
        >>> is_frozen(norm.train())
        True
    """
    return isinstance(vars(module).get("train"), Frozen)


def asked_of(norm: nn.Module) -> bool:
    """The mode that a norm was last asked for, whether it is frozen or not."""
    held = vars(norm).get("train")
    return held.asked if isinstance(held, Frozen) else norm.training


def hold_statistics(norm: nn.Module) -> None:
    """Freeze the statistics of a norm that is not frozen; the modes of its children stay."""
    frozen = Frozen(norm, asked=norm.training, former=vars(norm).get("train"))
    _with_children_as_they_are(norm, frozen.evaluate)
    vars(norm)["train"] = frozen


def let_statistics_go(norm: nn.Module, *, mode: bool) -> None:
    """Undo that, and put the norm into a mode; the modes of its children stay."""
    frozen: Frozen = vars(norm).pop("train")
    if frozen.former is not None:
        vars(norm)["train"] = frozen.former
    if "train" in vars(norm) or type(norm).train is not nn.Module.train:
        _with_children_as_they_are(norm, partial(norm.train, mode))
    else:
        norm.training = mode


def _with_children_as_they_are(norm: nn.Module, switch: Callable[[], object]) -> None:
    before = [(child, child.training) for child in _below(norm)]
    switch()
    for child, mode in before:
        child.training = mode


def _below(module: nn.Module) -> Iterator[nn.Module]:
    return (inner for inner in module.modules() if inner is not module)
