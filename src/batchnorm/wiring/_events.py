"""What is there to be seen while a model runs? Tensors, operators, calls of modules, and what leaves torch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor as an operator saw it: a part of a storage, with a shape. Storages are counted from 0 in a trace."""

    storage: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype

    @property
    def numel(self) -> int:
        """How many elements it has."""
        return torch.Size(self.shape).numel()

    @property
    def overlaps(self) -> bool:
        """Whether two of its elements may lie at the same place, as in what was expanded or unfolded."""
        axes = sorted((stride, size) for stride, size in zip(self.stride, self.shape, strict=True) if size > 1)
        reach = 0
        for stride, size in axes:
            if stride <= reach:
                return True
            reach += stride * (size - 1)
        return False


@dataclass(frozen=True, slots=True)
class Opaque:
    """Stands for what cannot be followed: a tensor without memory of its own, or an object of an unknown class."""

    kind: str
    is_tensor: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator that ran; tensors in its arguments and results are `Value`s.

    Attributes:
        index: its place in the order of all operators.
        calls: the calls of modules that it ran in, the innermost last.
        writes: the storages that it made or changed.
        is_view: its results are its inputs, seen in another shape: it reads and writes no element.
        scalar_of_data: it gave Python a number, or a shape, that depends on the data.
    """

    index: int
    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    calls: tuple[int, ...]
    writes: frozenset[int]
    is_view: bool
    scalar_of_data: bool = False

    @property
    def name(self) -> str:
        """The operator's name without its overload: `aten.convolution`."""
        return operator_name(self.func)

    @property
    def inputs(self) -> list[Value]:
        """The tensors among its arguments."""
        return values_in((self.args, self.kwargs))

    @property
    def outputs(self) -> list[Value]:
        """The tensors among its results."""
        return values_in(self.result)

    @property
    def storages(self) -> set[int]:
        """All that it touches."""
        return {value.storage for value in (*self.inputs, *self.outputs)}


@dataclass(slots=True)
class ModuleCall:
    """One call of a module.

    Attributes:
        name: of the module in the model, its first one.
        parents: the calls that it was made in, the innermost last.
        start: the index of the first operator that can belong to it.
        end: one past the last.
    """

    index: int
    name: str
    module: nn.Module
    parents: tuple[int, ...]
    start: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any = None
    end: int = -1
    finished: bool = False

    @property
    def input(self) -> Value | None:
        """The first tensor that it was given."""
        return next(iter(values_in((self.args, self.kwargs))), None)

    @property
    def opaque_input(self) -> Opaque | None:
        """The first tensor that it was given, if that cannot be followed."""
        for leaf in tree_leaves((self.args, self.kwargs)):
            if isinstance(leaf, Value) or (isinstance(leaf, Opaque) and leaf.is_tensor):
                return None if isinstance(leaf, Value) else leaf
        return None

    @property
    def output(self) -> Value | None:
        """Its result, if that is one tensor."""
        return self.result if isinstance(self.result, Value) else None


@dataclass(frozen=True, slots=True)
class Escape:
    """A tensor's memory that was passed to code outside torch."""

    index: int
    how: str
    storages: frozenset[int]
    of_data: bool


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One call of a function of this library.

    Attributes:
        given: its arguments by their names; tensors are `Value`s.
        events: the operators that it ran.
        calls: the calls of modules that it was made in, the innermost last.
    """

    name: str
    given: dict[str, Any]
    result: Any
    events: range
    calls: tuple[int, ...]


@dataclass(slots=True)
class Pass:
    """One forward of the model, as it was seen.

    Attributes:
        functions: the calls of functions of this library.
        tensors: the names of the parameters and buffers that lie in a storage, all of them.
        values: how each of these lies there.
        inputs: the storages of the example.
        alive: the storages that somebody still held at the end, the caller of the model included.
        results: those of what the model returned; iterators in it were read.
        unread: those that were not read to their end.
        draws_outside_torch: Python's or NumPy's random numbers were drawn.
        hooked: those that a hook of somebody's was given, and of which module.
        touching: the operators that had to do with a storage.
    """

    operations: list[Operation] = field(default_factory=list)
    calls: list[ModuleCall] = field(default_factory=list)
    escapes: list[Escape] = field(default_factory=list)
    functions: list[FunctionCall] = field(default_factory=list)
    tensors: dict[int, list[str]] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    inputs: frozenset[int] = frozenset()
    alive: frozenset[int] = frozenset()
    results: frozenset[int] = frozenset()
    unread: tuple[str, ...] = ()
    draws_outside_torch: bool = False
    hooked: dict[int, str] = field(default_factory=dict)
    touching: dict[int, list[int]] = field(default_factory=dict)

    def add(self, operation: Operation) -> None:
        """Append an operator, and remember whom it touched."""
        self.operations.append(operation)
        for storage in operation.storages:
            self.touching.setdefault(storage, []).append(operation.index)

    def read_in(self, call: ModuleCall) -> set[int]:
        """The storages that operators read inside a call."""
        inside = (operation for operation in self.operations[call.start : call.end] if not operation.is_view)
        return {value.storage for operation in inside for value in operation.inputs}

    def readers(self, storage: int) -> Iterator[Operation]:
        """Every operator that touched elements of a storage after, or in, its making."""
        for index in self.touching.get(storage, ()):
            if not self.operations[index].is_view:
                yield self.operations[index]


def values_in(tree: object) -> list[Value]:
    """Every `Value` of nested tuples, lists and dicts, in order."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Value)]


def operator_name(func: Any) -> str:
    """`aten.add` for any overload of it."""
    packet = getattr(func, "overloadpacket", None)
    return str(packet if packet is not None else func)
