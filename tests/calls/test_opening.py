"""Are all tensors found, whatever they lie in, and is a copy made of others the same in all else?"""

import itertools
import threading
import weakref
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Generic, TypeVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils import _pytree as pytree

from batchnorm.calls import leaves_of, mapped


class Graph:
    """Attributes, one of them the object itself."""

    def __init__(self, x):
        self.x, self.name, self.me = x, "graph", self


class Slots:
    """Attributes in slots alone, one of them private, one never set."""

    __slots__ = ("__hidden", "never", "x")

    def __init__(self, x):
        self.x, self.__hidden = x, "words"


class MoreSlots(Slots):
    """Slots of its own besides those of its parent, one of them of the same name."""

    __slots__ = ("x", "y")

    def __init__(self, x):
        super().__init__(x)
        Slots.x.__set__(self, torch.zeros(1))
        self.y = 2


@dataclass
class Data:
    x: torch.Tensor
    names: list = field(default_factory=lambda: ["a"])


@dataclass(frozen=True, slots=True)
class Frozen:
    x: torch.Tensor
    y: int = 3


class Guarded:
    """Nothing may be set, read or copied in the usual ways."""

    def __init__(self, x):
        vars(self)["x"] = x

    def __setattr__(self, name, value):
        raise AttributeError(name)

    def __copy__(self):
        raise TypeError

    def __reduce_ex__(self, protocol):
        raise TypeError


class Typed(Generic[TypeVar("T")]):
    def __init__(self, x):
        self.x = x


class Output(OrderedDict):
    """As the outputs of language models are made: an item and an attribute of one name."""

    def __init__(self, x):
        super().__init__(x=x)
        vars(self)["x"] = x


class Rows(list):
    def __init__(self, x):
        super().__init__([x, None])
        self.title = "rows"


class Lazy(Mapping):
    """A mapping that computes its items."""

    def __init__(self, x):
        self._x = x

    def __getitem__(self, key):
        raise AssertionError

    def __iter__(self):
        return iter("x")

    def __len__(self):
        return 1


Pair = namedtuple("Pair", "x y")


class Named(Pair):
    """A named tuple with attributes."""


def named(x):
    found = Named(x, 1)
    found.extra = "more"
    return found


def with_attribute(x):
    holder = torch.zeros(2)
    holder.aux = x
    return holder


def array_of_objects(x):
    rows = np.empty((2, 1), dtype=object)
    rows[0, 0], rows[1, 0] = Data(x), x
    return rows


def records():
    return np.zeros((), [("a", "f4"), ("b", "i4")])


def cyclic_list(x):
    rows = [x]
    rows.append(rows)
    return rows


def closure(x):
    return lambda y=x: x + y


def recursive(x):
    def inner(depth):
        return inner(depth - 1) if depth else x

    return inner


HOLDERS = {
    "the tensor itself": lambda x: x,
    "tuple": lambda x: (1, x),
    "dict": lambda x: {"a": {1: x}},
    "list that holds itself": cyclic_list,
    "named tuple": lambda x: Pair(x, 2),
    "named tuple with attributes": named,
    "packed sequence": lambda x: pack_sequence([x]),
    "defaultdict": lambda x: defaultdict(list, a=x),
    "OrderedDict": lambda x: OrderedDict(b=1, a=x),
    "deque": lambda x: deque([x], maxlen=2),
    "result of torch": lambda x: torch.return_types.max((x, torch.zeros(1))),
    "object": Graph,
    "object in a list": lambda x: [Graph(x)],
    "namespace": lambda x: SimpleNamespace(x=x),
    "dict that cannot be written": lambda x: MappingProxyType({"a": x}),
    "slots": Slots,
    "slots of two classes": MoreSlots,
    "dataclass": Data,
    "frozen dataclass with slots": Frozen,
    "object that guards itself": Guarded,
    "generic class": Typed,
    "dict with attributes": Output,
    "list with attributes": Rows,
    "UserDict": lambda x: UserDict(a=x),
    "mapping that computes": Lazy,
    "array of objects": array_of_objects,
    "array of records": lambda x: [records(), x],
    "closure": closure,
    "weak reference": lambda x: (x, weakref.ref(x)),
    "closure that holds itself": recursive,
    "method of a tensor": lambda x: x.sum,
    "method": lambda x: Lazy(x).__len__,
    "partial": lambda x: partial(torch.add, x, alpha=2),
    "distribution": lambda x: torch.distributions.Normal(x, x, validate_args=False),
    "tensor with an attribute": with_attribute,
}


def as_told(value):
    """All but the tensors' numbers."""
    leaves = leaves_of(value)
    found = [(path, leaf.shape if isinstance(leaf, torch.Tensor) else leaf) for path, leaf in leaves.found]
    return type(value), found, leaves.containers


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_tensor_is_found_in_it(kind):
    x = torch.randn(3)
    leaves = leaves_of(HOLDERS[kind](x))
    assert any(torch.equal(x, tensor) for tensor in leaves.tensors)
    assert leaves.closed == []


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_copy_has_other_tensors_and_is_the_same_in_all_else(kind):
    value = HOLDERS[kind](torch.ones(3))
    copy = mapped(value, lambda tensor: tensor + 1)
    assert as_told(copy) == as_told(value)
    for before, after in zip(leaves_of(value).tensors, leaves_of(copy).tensors, strict=True):
        assert torch.equal(after, before + 1)


@pytest.mark.parametrize("kind", HOLDERS)
def test_what_was_copied_is_as_it_was(kind):
    value = HOLDERS[kind](torch.ones(3))
    before = [tensor.clone() for tensor in leaves_of(value).tensors]
    mapped(value, lambda tensor: tensor + 1)
    assert all(map(torch.equal, before, leaves_of(value).tensors))


def test_paths_are_written_as_in_python():
    leaves = leaves_of({"graph": Data(torch.ones(1)), 2: (None,)})
    assert [path for path, _ in leaves.found] == ["['graph'].x", "['graph'].names[0]", "[2][0]"]


def test_what_is_shared_is_shared_in_the_copy():
    x, graph = torch.ones(2), Graph(torch.zeros(1))
    first, second, one, other = mapped((x, x, graph, graph), lambda tensor: tensor.clone())
    assert first is second
    assert one is other
    assert one.me is one


def test_a_copied_function_computes_with_other_tensors():
    one, two = torch.ones(1), torch.full((1,), 2.0)
    copies = mapped((closure(one), recursive(one), one.sum, partial(torch.add, one, alpha=2)), lambda tensor: two)
    assert [fn(*args).item() for fn, args in zip(copies, ((), (3,), (), (one,)), strict=True)] == [4.0, 2.0, 2.0, 4.0]


def test_an_object_without_a_tensor_stays_itself():
    options = Graph("no tensor")
    assert mapped([options], lambda tensor: tensor)[0] is options


def test_the_fields_of_an_array_are_mapped():
    copy = mapped(np.zeros(2, [("a", "f4"), ("b", "i4")]), lambda array: array + 1, np.ndarray)
    assert copy.tolist() == [(1.0, 1), (1.0, 1)]


def test_arrays_are_mapped_where_they_are_asked_for():
    given = Graph(np.ones(2))
    assert mapped(given, lambda tensor: tensor) is given
    assert mapped(given, lambda array: array + 1, np.ndarray).x.tolist() == [2.0, 2.0]


class Freed:
    def __init__(self):
        self.x = torch.ones(1)

    def __del__(self):
        pass


class Registered:
    """Its registration forgets one of two tensors."""

    def __init__(self, x, y):
        self.x, self.y = x, y


CLOSED = {
    "module": (lambda: nn.Linear(1, 1), "it is a module"),
    "lock": (threading.Lock, "nothing is known of what is in a lock"),
    "weak set": (lambda: weakref.WeakKeyDictionary({Graph: 1}).data, "its keys are objects"),
    "generator of numbers": (torch.Generator, "nothing is known of what is in a Generator"),
    "exception": (lambda: ValueError(torch.ones(1)), "nothing is known of what is in a ValueError"),
    "tensor as a key": (lambda: {torch.ones(1): 1}, "its keys are objects"),
    "class that frees": (Freed, "it does something when it is freed"),
    "generator": (lambda: (x for x in "ab"), "it is only to be read in turn"),
}


@pytest.mark.parametrize("kind", CLOSED)
def test_what_cannot_be_opened_is_named_with_its_path_and_stays_itself(kind):
    make, why = CLOSED[kind]
    value = make()
    (closed,) = leaves_of({"a": value}).closed
    assert (closed.path, closed.value, closed.why) == ("['a']", value, why)
    assert mapped({"a": value}, torch.clone)["a"] is value


PLAIN = [
    None,
    True,
    1.5,
    "word",
    b"bytes",
    range(3),
    slice(1, 2),
    torch.float32,
    torch.device("cpu"),
    torch.relu,
    np.int8,
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_a_plain_value_is_a_leaf(value):
    assert leaves_of(value).found == [("", value)]


def test_a_function_that_is_made_anew_is_the_same_leaf():
    one, other = (lambda x: x + 1 for _ in range(2))
    assert leaves_of(one).found == leaves_of(other).found


def test_iterators_are_read_up_to_a_number_if_that_is_allowed():
    leaves = leaves_of([(x for x in (1, 2)), zip([3], strict=True)], most_of_iterator=2)
    assert [value for _, value in leaves.found] == [1, 2, 3]
    (closed,) = leaves_of(itertools.count(), most_of_iterator=2).closed
    assert str(closed) == "the whole (count): it has more than 2 values"


def test_a_registration_with_torch_hides_nothing_of_an_object():
    kind = type("Registered", (Registered,), {})
    pytree.register_pytree_node(kind, lambda one: ([one.x], None), lambda parts, _: kind(*parts, None))
    assert len(leaves_of(kind(torch.ones(1), torch.zeros(1))).tensors) == 2


def test_depth_is_bounded():
    value = torch.ones(1)
    for _ in range(500):
        value = [value]
    (closed,) = leaves_of(value).closed
    assert closed.why == "it lies too deep"
    assert leaves_of(value).tensors == []
