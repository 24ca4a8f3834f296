"""How does a norm stay in evaluation, whatever `train()` and `eval()` of its model say, and remain what it is?"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torch import nn

_RESET = "reset_running_stats"


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
        >>> from torch import nn
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
        is_its_own = vars(self.module).get("train") is self  # not that of a shallow copy, or from before
        if is_its_own:
            self.evaluate()
        for child in self.module.children():
            child.train(mode)
        if is_its_own:
            self.ask(mode)
        return self.module

    def ask(self, mode: bool) -> None:  # noqa: FBT001  # as `train` has it
        """Note the mode that the norm would be in now."""
        if mode != self.asked:
            vars(self.module)["train"] = Frozen(self.module, asked=mode, former=self.former)

    def evaluate(self) -> None:
        """Switch the norm to evaluation as it does it itself: it may do more than set `training`, or refuse."""
        if self.former is not None:
            self.former(False)
        elif _is_own(type(self.module)):
            type(self.module).train(self.module, False)
        self.module.training = False


def keep_statistics() -> None:
    """Stands as `reset_running_stats` in a frozen norm, for torch's `update_bn` resets all norms, and measures some."""


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


def put_into(module: nn.Module, *, mode: bool) -> None:
    """Set the mode of one module alone; a frozen norm will have it once it is released."""
    held = vars(module).get("train")
    if isinstance(held, Frozen):
        held.ask(mode)
    else:
        module.training = mode


def asked_of(norm: nn.Module) -> bool:
    """The mode that a norm was last asked for, whether it is frozen or not."""
    held = vars(norm).get("train")
    return held.asked if isinstance(held, Frozen) else norm.training


def has_own_train(module: nn.Module) -> bool:
    """Whether a module is switched by something else than torch's `train`: its class's, or what stands in its place."""
    held = vars(module).get("train")
    return _is_own(type(module)) or (held.former if isinstance(held, Frozen) else held) is not None


def hold_statistics(norm: nn.Module) -> None:
    """Freeze the statistics of a norm that is not frozen; the modes of its children stay."""
    frozen = Frozen(norm, asked=norm.training, former=vars(norm).get("train"))
    _with_children_as_they_are(norm, frozen.evaluate)
    vars(norm)["train"] = frozen
    if hasattr(type(norm), _RESET):
        vars(norm).setdefault(_RESET, keep_statistics)


def let_statistics_go(norm: nn.Module, *, mode: bool) -> None:
    """Undo that, and put the norm into a mode; the modes of its children stay."""
    held = vars(norm)
    frozen: Frozen = held.pop("train")
    if frozen.former is not None:
        held["train"] = frozen.former
    if held.get(_RESET) is keep_statistics:
        del held[_RESET]
    if has_own_train(norm):
        _with_children_as_they_are(norm, partial(norm.train, mode))
    else:
        norm.training = mode


def _is_own(kind: type[nn.Module]) -> bool:
    return kind.train is not nn.Module.train


def _with_children_as_they_are(norm: nn.Module, switch: Callable[[], object]) -> None:
    before = [(child, child.training) for child in _below(norm)]
    switch()
    for child, mode in before:
        child.training = mode


def _below(module: nn.Module) -> Iterator[nn.Module]:
    return (inner for inner in module.modules() if inner is not module)
