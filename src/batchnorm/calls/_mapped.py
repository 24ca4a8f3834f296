"""What would a model be given if the tensors in it were others?"""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from ._kinds import opening_of
from ._leaves import DEEPEST, leaves_of
from ._opening import Opening, is_array, is_plain
from ._state import attached_to, set_attribute


def mapped(
    value: Any, fn: Callable[[Any], Any], kind: type | tuple[type, ...] = Tensor, *, all_new: bool = False
) -> Any:
    """A copy of a value in which each leaf of a kind is what `fn` makes of it.

    What is shared or a part of itself is so in the copy, too; `fn` sees each leaf once. Tuples, lists and dicts are
    new, and so is every object in which such a leaf was found; all else, and what `leaves_of` cannot open, is the very
    object. No constructor and no method of somebody's class runs.

    Args:
        value: anything.
        fn: gets a leaf.
        kind: of which leaves, such as `(Tensor, numpy.ndarray)`.
        all_new: let every object with attributes be new, whatever is in it, so that nobody can write into the old one.

    Example:
        >>> mapped({"x": (Tensor([1.0, 1.0]), 3)}, lambda tensor: tensor + 1)
        {'x': (tensor([2., 2.]), 3)}
    """
    return _Copying(fn, kind, all_new=all_new).of(value, 0)


class _Copying:
    """One copy; the same object always becomes the same one."""

    def __init__(self, fn: Callable[[Any], Any], kind: type | tuple[type, ...], *, all_new: bool) -> None:
        self._fn = fn
        self._kind = kind
        self._all_new = all_new
        self._made: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any, depth: int) -> Any:
        if id(value) not in self._made:
            made = self._leaf(value) if self._is_leaf(value) else self._container(value, depth)
            self._made[id(value)] = made, value
        return self._made[id(value)][0]

    def _is_leaf(self, value: Any) -> bool:
        return isinstance(value, self._kind) and (is_array(value) or not isinstance(value, np.ndarray))

    def _leaf(self, value: Any) -> Any:
        made = self._fn(value)
        if made is not value and isinstance(made, Tensor):
            self._made[id(value)] = made, value
            for name, part in attached_to(value).items():
                set_attribute(made, name, self.of(part, 0))
        return made

    def _container(self, value: Any, depth: int) -> Any:
        if type(value) is set:
            return set(value)
        if isinstance(value, Tensor) or is_plain(value) or depth > DEEPEST or is_array(value):
            return value
        opening = opening_of(value)
        if isinstance(opening, str) or not (isinstance(value, tuple | list | dict) or self._is_new(value, opening)):
            return value

        def remember(copy: Any) -> None:
            self._made[id(value)] = copy, value

        return opening.copied(lambda part: self.of(part, depth + 1), remember)

    def _is_new(self, value: object, opening: Opening) -> bool:
        if self._all_new:
            return bool(opening.parts)  # an object that holds nothing is known by what it is
        return any(isinstance(leaf, self._kind) for _, leaf in leaves_of(value).found)
