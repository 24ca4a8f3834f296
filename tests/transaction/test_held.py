"""What modules hold in containers and objects, and what a forward writes into tensors, comes back."""

import argparse
import random
import threading
import weakref
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import batchnorm.nn
from batchnorm.transaction import transaction

from .picture import bits, picture, x


@dataclass
class State:
    seen: list[int] = field(default_factory=list)
    inner: "State | None" = None


@dataclass(frozen=True, slots=True)
class Slotted:
    seen: list[int]
    last: int = 0


class Empty:
    __slots__ = ("value",)


class Strange(list):
    """A list with an attribute that answers to nothing in the usual way."""

    def __init__(self, *given):
        super().__init__(*given)
        self.note = "before"

    def append(self, value):
        raise AssertionError("not to be called")

    def __iter__(self):
        raise AssertionError("not to be called")

    __setitem__ = __len__ = append


def _of(thing):
    module = nn.Module()
    module.thing = thing
    return module


def _ordered():
    return OrderedDict(a=1, b=2, c=3)


KEPT = {
    "list": (lambda: [1, 2], lambda thing: thing.append(3), list),
    "emptied list": (lambda: [1, 2], lambda thing: thing.clear(), list),
    "dict": (lambda: {"a": 1}, lambda thing: thing.update(a=2, b=3), lambda thing: [*thing.items()]),
    "order of a dict": (lambda: {"a": 1, "b": 2}, lambda thing: thing.update(a=thing.pop("a")), list),
    "set": (lambda: {1, 2}, lambda thing: thing.add(3), sorted),
    "deque": (lambda: deque([1, 2], maxlen=2), lambda thing: thing.append(3), list),
    "ordered": (_ordered, lambda thing: thing.move_to_end("a"), list),
    "defaultdict": (lambda: defaultdict(int), lambda thing: thing["a"], dict),
    "counter": (lambda: Counter("a"), lambda thing: thing.update("b"), dict),
    "bytearray": (lambda: bytearray(b"ab"), lambda thing: thing.append(3), bytes),
    "array": (lambda: array("d", [1.0]), lambda thing: thing.append(2.0), list),
    "numpy": (lambda: np.array([1.0, np.nan]), lambda thing: thing.fill(3), lambda thing: thing.tobytes()),
    "numpy of lists": (lambda: np.array([[1], None], dtype=object), lambda thing: thing[0].append(3), str),
    "list in a dict in a tuple": (lambda: ({"a": [1]},), lambda thing: thing[0]["a"].append(2), str),
    "object": (State, lambda thing: thing.seen.append(1), repr),
    "object in an object": (lambda: State(inner=State()), lambda thing: setattr(thing.inner, "seen", 7), repr),
    "new attribute": (State, lambda thing: setattr(thing, "fresh", 7), lambda thing: sorted(vars(thing))),
    "slots": (lambda: Slotted([1]), lambda thing: object.__setattr__(thing, "last", 7), repr),
    "list in slots": (lambda: Slotted([1]), lambda thing: thing.seen.append(7), repr),
    "empty slot": (Empty, lambda thing: setattr(thing, "value", 7), lambda thing: hasattr(thing, "value")),
    "namespace": (lambda: SimpleNamespace(a=1), lambda thing: setattr(thing, "a", 2), repr),
    "arguments": (lambda: argparse.Namespace(a=[1]), lambda thing: thing.a.append(2), repr),
    "list of a class of its own": (
        lambda: Strange([1]),
        lambda thing: (list.append(thing, 2), setattr(thing, "note", 7)),
        lambda thing: ([*list.__iter__(thing)], thing.note),
    ),
    "tensor": (lambda: torch.zeros(3), lambda thing: thing.add_(1), bits),
    "tensors in a list": (lambda: [torch.zeros(3)], lambda thing: thing[0].add_(1), lambda thing: bits(thing[0])),
    "torch's generator": (
        torch.Generator,
        lambda thing: torch.rand(3, generator=thing),
        lambda thing: bits(thing.get_state()),
    ),
    "numpy's generator": (
        lambda: np.random.default_rng(0),
        lambda thing: thing.random(3),
        lambda thing: str(thing.bit_generator.state),
    ),
    "numpy's older generator": (
        lambda: np.random.RandomState(0),
        lambda thing: thing.rand(3),
        lambda thing: str(thing.get_state()),
    ),
    "python's generator": (random.Random, lambda thing: thing.random(), lambda thing: thing.getstate()),
    "hidden norm": (
        lambda: [nn.BatchNorm1d(4)],
        lambda thing: (thing[0](x()), thing[0].eval()),
        lambda thing: (bits(thing[0].running_mean), thing[0].training),
    ),
}


@pytest.mark.parametrize("kind", KEPT)
def test_whatever_a_module_holds_comes_back_as_the_same_object_with_the_same_content(kind):
    make, change, content = KEPT[kind]
    thing = make()
    module, before = _of(thing), content(thing)
    with transaction(module):
        change(thing)
        assert content(thing) != before
        module.thing = None
    assert module.thing is thing
    assert content(thing) == before


def test_containers_that_hold_each_other_come_back():
    first, second = [], {}
    first.append(second)
    second["first"] = first
    with transaction(_of(first)):
        second["new"] = first
        first.append(3)
    assert (len(first), [*second]) == (1, ["first"])


class Skips(nn.Module):
    """Keeps a list for all of its modules in the body of its class."""

    kept: ClassVar[list[torch.Tensor]] = []

    def forward(self, x):
        self.kept.append(x)
        return x


def test_a_list_in_the_body_of_a_class_comes_back():
    module = Skips()
    with transaction(module):
        module(x())
        assert len(Skips.kept) == 1
    assert Skips.kept == []


def test_what_a_hook_of_the_users_counts_in_its_closure_is_his():
    module, seen = nn.Identity(), []
    module.register_forward_hook(lambda *_: seen.append(1))
    with transaction(module):
        module(x())
    assert seen == [1]


class Clock:
    """Stands for an object with a world of its own."""

    __module__ = "logging.something"

    def __init__(self):
        self.ticks = 0


def test_objects_of_a_world_of_their_own_go_on():
    clock = Clock()
    with transaction(_of(clock)):
        clock.ticks += 1
    assert clock.ticks == 1


class Unbound:
    """A proxy that stands for nothing yet."""

    @property
    def __class__(self):
        raise RuntimeError("not bound")


ODD = {
    "proxy that is not bound": Unbound,
    "proxy": lambda: weakref.proxy(nn.ReLU),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "sparse rows": lambda: torch.eye(3).to_sparse_csr(),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    "without numbers": lambda: torch.ones(3, device="meta"),
    "half complex": lambda: torch.ones(2, dtype=torch.complex32),
    "conjugate": lambda: torch.ones(2, dtype=torch.complex64).conj(),
    "lock": threading.Lock,
    "iterator": lambda: iter([1, 2]),
    "class": lambda: nn.Linear,
}


@pytest.mark.filterwarnings("ignore:.*(Sparse CSR|ComplexHalf|quantized tensor).*:UserWarning")
@pytest.mark.parametrize("kind", ODD)
def test_a_model_with_something_odd_runs_and_has_it_still(kind):
    layer, thing = nn.Linear(4, 4), [ODD[kind]()]
    layer.thing = thing
    with transaction(layer):
        layer(x())
        layer.thing = None
    assert layer.thing is thing


def in_place(weight):
    weight.data.mul_(-2)


def by_version(weight):
    with torch.no_grad():
        weight.mul_(2)


def other_memory(weight):
    weight.data = weight.data * 2


@pytest.mark.parametrize("write", [in_place, by_version, other_memory])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex128])
def test_what_a_forward_writes_into_a_parameter_goes_back_bit_for_bit_in_its_memory(write, dtype):
    layer = nn.Linear(4, 4, dtype=dtype)
    with torch.no_grad():
        layer.weight[0, 0] = float("nan")
        layer.weight[0, 1] = -0.0
    layer.register_forward_pre_hook(lambda module, args: write(module.weight))
    before = picture(layer)
    with transaction(layer):
        layer(x().to(dtype))
        assert picture(layer) != before
    assert picture(layer) == before


def test_a_graph_from_before_stays_valid_if_nobody_wrote_into_its_parameters():
    layer = nn.Linear(4, 4)
    output = layer(x().requires_grad_())
    with transaction(layer):
        layer(x())
    output.sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((4,), 6.0))


def test_a_tensor_that_was_kept_from_a_graph_is_in_it_still():
    layer = nn.Linear(4, 4)
    layer.kept = layer.weight * 2
    layer.all = [layer.kept[0]]
    with transaction(layer), torch.no_grad():
        layer.all[0].add_(1)
    torch.testing.assert_close(layer.kept, layer.weight * 2)
    assert layer.kept.grad_fn is not None


def test_memory_that_cannot_be_written_is_not_written_into_when_nothing_changed():
    with torch.no_grad():
        layer = nn.Linear(4, 4)
        memory = np.arange(16, dtype=np.float32).reshape(4, 4)
        layer.weight.data = torch.from_numpy(memory)
        memory.flags.writeable = False
    with transaction(layer):
        layer(x())
    assert torch.equal(layer.weight, torch.from_numpy(np.arange(16, dtype=np.float32).reshape(4, 4)))


LAZY = {
    "linear": (lambda: nn.LazyLinear(4), lambda: nn.Linear(4, 4)),
    "norm": (nn.LazyBatchNorm1d, lambda: nn.BatchNorm1d(4)),
    "ours": (batchnorm.nn.LazyBatchNorm1d, lambda: nn.BatchNorm1d(4)),
    "convolution": (lambda: nn.LazyConv1d(6, 1), lambda: nn.Conv1d(6, 6, 1)),
}


@pytest.mark.parametrize("kind", LAZY)
def test_a_lazy_module_that_was_loaded_and_not_called_is_lazy_again(kind):
    make, full = LAZY[kind]
    lazy, loaded = nn.Sequential(make()), nn.Sequential(full())
    lazy.load_state_dict(loaded.state_dict())
    before, was = picture(lazy), type(lazy[0])
    with transaction(lazy) as change:
        change.evaluate()
        expected = lazy(x())
        assert type(lazy[0]) is not was
    assert type(lazy[0]) is was
    assert picture(lazy) == before
    assert torch.equal(lazy.eval()(x()), expected)
    assert type(lazy[0]).__name__ == type(loaded[0]).__name__


def test_a_hidden_lazy_module_that_saw_no_batch_is_refused():
    with pytest.raises(RuntimeError, match=r"expected modules that know their shapes, got .*held in a container"):
        transaction(_of([nn.LazyLinear(3)])).__enter__()
