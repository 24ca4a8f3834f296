"""Are outputs compared whatever they are made of, and is every difference seen?"""

import itertools
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch.testing._internal.two_tensor import TwoTensor

from batchnorm.surgery._outputs import distance, snapshot

Pair = namedtuple("Pair", "a b")


@dataclass
class Boxes:
    boxes: torch.Tensor
    names: list


class Custom:
    def __init__(self, hidden):
        self.hidden = hidden


def one():
    return torch.tensor([1.0, -4.0])


NESTED = {
    "tensor": lambda x: x,
    "tuple": lambda x: (one(), x),
    "list of dicts": lambda x: [{"a": x}, {"b": 3}],
    "named tuple": lambda x: Pair(x, None),
    "dataclass": lambda x: Boxes(x, ["cat"]),
    "own object": lambda x: Custom({"deep": [x]}),
}


@pytest.mark.parametrize("kind", NESTED)
def test_a_difference_in_any_structure_is_measured_against_the_largest_number(kind):
    make = NESTED[kind]
    moved = torch.tensor([1.0, -4.0 + 1.0])
    assert distance(snapshot(make(one())), snapshot(make(one()))) == 0.0
    assert distance(snapshot(make(one())), snapshot(make(moved))) == 0.25


ALIKE = {
    "NaN at the same place": (torch.tensor([torch.nan, 1.0]), torch.tensor([torch.nan, 1.0])),
    "the same infinity": (torch.tensor([torch.inf]), torch.tensor([torch.inf])),
    "nothing": (torch.zeros(0, 3), torch.zeros(0, 3)),
    "whole numbers": (torch.tensor([3]), torch.tensor([3])),
}
UNLIKE = {
    "NaN instead of a number": (torch.tensor([torch.nan, 1.0]), torch.tensor([0.0, 1.0])),
    "another infinity": (torch.tensor([torch.inf]), torch.tensor([-torch.inf])),
    "another shape": (torch.zeros(2, 3), torch.zeros(3, 2)),
    "another word": ("cat", "dog"),
    "more of it": ((1, 2), (1, 2, 3)),
    "None instead of a tensor": (None, torch.zeros(1)),
    "another key": ({"a": 1}, {"b": 1}),
}


@pytest.mark.parametrize("case", ALIKE)
def test_what_is_alike_is_no_difference(case):
    before, after = ALIKE[case]
    assert distance(snapshot(before), snapshot(after)) == 0.0


@pytest.mark.parametrize("case", UNLIKE)
def test_what_is_not_alike_is_infinitely_far(case):
    before, after = UNLIKE[case]
    assert distance(snapshot(before), snapshot(after)) == float("inf")


def closure(x):
    return lambda: x


class Image(torch.Tensor):
    pass


class Slots:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


def tagged(x):
    y = torch.zeros(1)
    y.aux = x
    return y


LAYOUTS = {
    "COO": torch.Tensor.to_sparse,
    "COO with dense columns": lambda x: x.to_sparse(1),
    "not coalesced": lambda x: torch.sparse_coo_tensor(torch.tensor([[0, 0, 1]]), torch.stack((x[0], x[1], x[1]))),
    "CSR": torch.Tensor.to_sparse_csr,
    "CSC": torch.Tensor.to_sparse_csc,
    "BSR": lambda x: x.to_sparse_bsr((2, 2)),
    "BSC": lambda x: x.to_sparse_bsc((2, 2)),
    "batch of CSR": lambda x: torch.stack((x, x)).to_sparse_csr(),
    "complex": lambda x: torch.complex(torch.ones_like(x), x),
    "conjugate": lambda x: torch.complex(torch.ones_like(x), x).conj(),
    "complex COO": lambda x: torch.complex(torch.zeros_like(x), x).to_sparse(),
    "negative bit": lambda x: torch.complex(x, x).conj().imag,
    "bfloat16": torch.Tensor.bfloat16,
    "float8": lambda x: x.to(torch.float8_e4m3fn),
    "quantized": lambda x: torch.quantize_per_tensor(x, 0.5, 0, torch.qint8),
    "nested": lambda x: torch.nested.nested_tensor([x, x[:1]]),
    "nested, jagged": lambda x: torch.nested.nested_tensor([x, x[:1]], layout=torch.jagged),
    "mkldnn": torch.Tensor.to_mkldnn,
    "a class of somebody's": lambda x: x.as_subclass(Image),
    "attribute of a tensor": tagged,
    "array": torch.Tensor.numpy,
    "complex array": lambda x: torch.complex(x, x).numpy(),
    "array of records": lambda x: x.numpy().view([("a", "f4")]),
    "number": lambda x: x.sum().item(),
    "complex number": lambda x: complex(0, x.sum().item()),
    "NumPy's number": lambda x: x.sum().numpy()[()],
    "two wrapped ones": lambda x: TwoTensor(torch.zeros(2, 2), x),
    "object with slots": Slots,
    "generator": lambda x: (row for row in x),
    "zip": lambda x: zip(x, [1, 2], strict=True),
    "values of a dict": lambda x: {"a": x}.values(),
    "closure": closure,
    "method": lambda x: x.sum,
    "distribution": lambda x: torch.distributions.Normal(x, 1.0, validate_args=False),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.filterwarnings("ignore:.*(beta|prototype|Sparse|deprecated).*:UserWarning")
def test_a_difference_is_seen_in_every_layout_and_kind_of_output(layout):
    make = LAYOUTS[layout]
    x = torch.tensor([[1.0, 0.0], [-4.0, 2.0]])
    moved = torch.tensor([[1.0, 0.0], [-4.0, 3.0]])
    assert snapshot(make(x)).closed == ()
    assert distance(snapshot(make(x)), snapshot(make(x.clone()))) == 0.0
    assert 0.1 < distance(snapshot(make(x)), snapshot(make(moved))) < 2.0


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:.*(beta|prototype).*:UserWarning")
def test_what_a_sparse_tensor_does_not_name_is_zero(layout):
    few, more = (torch.tensor([[4.0, 0.0], [corner, 1.0]]).to_sparse(layout=layout) for corner in (0.0, 1e-7))
    assert distance(snapshot(few), snapshot(more)) == pytest.approx(1e-7 / 4)


def test_nan_and_infinity_are_compared_by_place_in_sparse_and_complex_ones():
    for make in (torch.Tensor.to_sparse, lambda x: torch.complex(x, torch.ones_like(x)).sum(0)):
        one, other = (torch.tensor([[first, 1.0], [1.0, torch.inf]]) for first in (torch.nan, 2.0))
        assert distance(snapshot(make(one)), snapshot(make(one))) == 0.0
        assert distance(snapshot(make(one)), snapshot(make(other))) == float("inf")


def test_of_whole_numbers_the_share_that_differs_is_the_distance():
    pair = snapshot(torch.tensor([3, 1, 4, 1])), snapshot(torch.tensor([3, 1, 4, 2]))
    assert distance(*pair) == 0.25
    assert distance(*pair, same_whole=True) == float("inf")


def test_another_dtype_is_a_difference_where_that_is_asked():
    pair = snapshot(torch.ones(2)), snapshot(torch.ones(2, dtype=torch.float64))
    assert distance(*pair) == 0.0
    assert distance(*pair, same_dtype=True) == float("inf")


UNREADABLE = {
    "meta": (lambda: torch.ones(2, device="meta"), "its numbers cannot be read"),
    "masked": (lambda: torch.masked.masked_tensor(torch.ones(1), torch.tensor([True])), "its numbers cannot be read"),
    "module": (lambda: torch.nn.Linear(1, 1), "it is a module"),
    "endless iterator": (itertools.count, "it has more than 256 values"),
    "storage": (lambda: torch.ones(1).untyped_storage(), "nothing is known of what is in a UntypedStorage"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.filterwarnings("ignore:.*prototype.*:UserWarning")
def test_what_cannot_be_compared_is_named(kind):
    make, why = UNREADABLE[kind]
    (closed,) = snapshot({"a": make()}).closed
    assert (closed.path, closed.why.partition(":")[0]) == ("['a']", why)


def test_a_snapshot_stays_when_the_model_uses_the_memory_again():
    x = one()
    taken = snapshot(x)
    x.zero_()
    assert distance(taken, snapshot(one())) == 0.0
