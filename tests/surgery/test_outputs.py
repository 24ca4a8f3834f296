"""Are outputs compared whatever they are made of, and is every difference seen?"""

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch

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
    "other whole numbers": (torch.tensor([3]), torch.tensor([4])),
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


def test_a_snapshot_stays_when_the_model_uses_the_memory_again():
    x = one()
    taken = snapshot(x)
    x.zero_()
    assert taken[0].equal(one())
