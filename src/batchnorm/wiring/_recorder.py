"""Which operators ran? A dispatch mode sees all of them, also those inside scripted functions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator
from torch.utils._pytree import tree_leaves

from ..calls import OperatorMode
from ._events import Opaque, Operation, Pass, Value, operator_name, values_in
from ._higher_order import FUNCTIONAL, run_watched
from ._storages import Storages

_SAME_MEMORY = {"aten._unsafe_view", "aten._reshape_alias", "aten.detach", "aten.alias", "aten.lift_fresh"}
"""Views whose schema does not say so everywhere."""

_ASKED_BY_PYTHON = {
    "aten._local_scalar_dense",
    "aten.item",
    "aten.is_nonzero",
    "aten.equal",
    "aten._linalg_check_errors",
}
"""Operators whose result is a number of Python."""


_PLAIN = (int, float, complex, str, torch.dtype, torch.device, torch.layout, torch.memory_format)


class Recorder(OperatorMode):
    """Writes down every operator, and which storages depend on the data or on chance.

    Args:
        seen: where it is written.
        storages: the numbers of the storages.
        stack: the calls of modules that are running.
        flips: the truth values of the data (their places in order) that Python is to be told wrongly, so that the
            model takes its other branch.
    """

    def __init__(self, seen: Pass, storages: Storages, stack: list[int], flips: frozenset[int] = frozenset()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.seen = seen
        self.storages = storages
        self.of_data: set[int] = set()
        self.questions = 0
        self._met: set[int] = set()
        self._below_autograd = False
        self._flipped_at: tuple[int, int] | None = None
        self._stack = stack
        self._flips = flips

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._below_autograd or torch.is_inference_mode_enabled():
            # There, what is made of other operators comes as it is.
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        if isinstance(func, HigherOrderOperator):
            return self._run_watched(func, args, kwargs)
        before = self.described((args, kwargs))
        result = func(*args, **kwargs)
        answer = self._write(func, before[0], before[1], self.described(result))
        return (not result) if answer else result

    def described(self, tree: Any) -> Any:
        """The same tuples, lists and dicts with a `Value` for each tensor, and nothing that could hold one."""
        # To look at a tensor is no way out of torch for it: `Escapes` is not to hear of it.
        with torch._C.DisableTorchFunction():
            return self._described(tree)

    @property
    def running(self) -> tuple[int, ...]:
        """The calls of modules that are running, the innermost last."""
        return tuple(self._stack)

    def depends_on_data(self, storages: Iterable[int]) -> bool:
        """Whether one of them was made from the model's inputs, or by chance."""
        return not self.of_data.isdisjoint(storages)

    def _run_watched(self, func: HigherOrderOperator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = self.described((args, kwargs))
        result, inner = run_watched(func, args, kwargs, self._watched)
        if inner is not None:
            self._write(func, (*before[0], *self.described(inner)), before[1], self.described(result))
        return result

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Inside an operator that was given functions, which comes here below autograd, and so do theirs."""
        before, self._below_autograd = self._below_autograd, True
        try:
            with self:
                yield
        finally:
            self._below_autograd = before

    def _described(self, tree: Any) -> Any:
        if type(tree) in (tuple, list):
            return type(tree)(map(self._described, tree))
        if type(tree) is dict:
            return {key: self._described(part) for key, part in tree.items()}
        leaves = tree_leaves(tree)
        if len(leaves) == 1 and leaves[0] is tree:
            return self._leaf(tree)
        # Not made again: its class may take nothing but tensors, as a PackedSequence does.
        return tuple(map(self._leaf, leaves))

    def _leaf(self, leaf: object) -> object:
        if isinstance(leaf, Tensor):
            return self.storages.value(leaf) or Opaque(_kind(leaf), is_tensor=True)
        return leaf if leaf is None or isinstance(leaf, _PLAIN) else Opaque(type(leaf).__name__)

    def _write(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> bool:
        """Append the operator; return whether the truth value that it gives is to be turned round."""
        name = operator_name(func)
        inputs = {leaf.storage for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Value)}
        outputs = {leaf.storage for leaf in tree_leaves(result) if isinstance(leaf, Value)}
        changed = _changed(func, name, args, kwargs)
        view = _is_view(func, name, inputs, outputs, changed)
        by_chance = torch.Tag.nondeterministic_seeded in _tags(func)
        unknown = any(isinstance(leaf, Opaque) and leaf.is_tensor for leaf in tree_leaves((args, kwargs)))
        self._meet_from_outside(name, inputs)
        depends = by_chance or unknown or not self.of_data.isdisjoint(inputs)
        self._met |= outputs
        if depends:
            self.of_data |= outputs | changed
        asked = depends and _tells_python(func, name, args, result)
        truth = asked and _is_truth(args, result)
        if truth:
            self.questions += 1
        self.seen.add(
            Operation(
                len(self.seen.operations),
                func,
                args,
                kwargs,
                result,
                self.running,
                frozenset(changed | (outputs - inputs)),
                view,
                asked and not truth,
            )
        )
        flipped = truth and self.questions - 1 in self._flips
        if flipped:
            self._flipped_at = len(self.seen.operations), len(self.seen.calls)
        return flipped

    def meet(self, storages: Iterable[int]) -> None:
        """Say that these are the model's or the example's: what else an operator is given comes from outside."""
        self._met.update(storages)

    def _meet_from_outside(self, name: str, inputs: set[int]) -> None:
        """Take for data what somebody brings along that is neither the model's nor made of others."""
        if name != "aten.lift_fresh":  # which is a constant that is written in the forward
            self.of_data |= inputs - self._met
        self._met |= inputs

    @property
    def went_on(self) -> bool:
        """Whether anything has run since the last answer that was turned round."""
        return self._flipped_at != (len(self.seen.operations), len(self.seen.calls))


def _kind(tensor: Tensor) -> str:
    """What a tensor is whose memory cannot be followed."""
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return "a tensor inside a transform of torch.func"
    if tensor.layout is not torch.strided:
        return f"a tensor of {tensor.layout}"
    if tensor.is_neg() or tensor.is_conj():
        return "a view that negates or conjugates"
    return "a nested tensor" if tensor.is_nested else f"a {type(tensor).__name__}"


def _tags(func: Any) -> Any:
    return getattr(func, "tags", ())


def _changed(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> set[int]:
    """The storages that an operator writes into."""
    if isinstance(func, HigherOrderOperator):  # has no schema that says it
        return set() if name in FUNCTIONAL else {value.storage for value in values_in((args, kwargs))}
    if not func._schema.is_mutable:
        return set()
    found: set[int] = set()
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = args[place] if place < len(args) else kwargs.get(argument.name)
            found |= {leaf.storage for leaf in tree_leaves(given) if isinstance(leaf, Value)}
    return found


def _is_view(func: Any, name: str, inputs: set[int], outputs: set[int], changed: set[int]) -> bool:
    if changed or not outputs or not outputs <= inputs or isinstance(func, HigherOrderOperator):
        return False
    return name in _SAME_MEMORY or all(returned.alias_info is not None for returned in func._schema.returns)


def _tells_python(func: Any, name: str, args: tuple[Any, ...], result: Any) -> bool:
    if name == "aten.index":  # by numbers the result's shape is theirs, by truth values it depends on them
        return any(value.dtype in (torch.bool, torch.uint8) for value in values_in(args[1]))
    tags = (torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output)
    if name in _ASKED_BY_PYTHON or any(tag in _tags(func) for tag in tags):
        return True
    numbers = any(isinstance(leaf, bool | int | float) for leaf in tree_leaves(result))
    return numbers and not name.startswith(("aten.sym_", "prim."))


def _is_truth(args: tuple[Any, ...], result: Any) -> bool:
    """Whether Python is told yes or no, so that there is one other way to go on."""
    return isinstance(result, bool) and all(not isinstance(leaf, Opaque) for leaf in tree_leaves(args))
