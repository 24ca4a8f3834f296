"""Are data found wherever they lie in an example, and is nothing concluded of what could not be varied or seen?"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from batchnorm import fold
from batchnorm.calls import Call
from batchnorm.surgery._vary import varied

from .nets import Net, X, loud

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Sample:
    image: Any
    more: Any = None


class Graph:
    __slots__ = ("edges", "x")

    def __init__(self, x, edges=None):
        self.x, self.edges = x, edges


HOLDERS = {
    "dataclass": (Sample, lambda given: given.image),
    "slots": (Graph, lambda given: given.x),
    "deep": (lambda x: [{"a": Sample(Graph(x))}], lambda given: given[0]["a"].image.x),
    "closure": (lambda x: lambda: x, lambda given: given()),
}


def raw_where_it_is_loud(m, x):
    y = m.conv(x)
    return y if x.max() > 100 else m.bn(y)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_branch_on_data_in_an_object_is_seen(holder, verify):
    make, image = HOLDERS[holder]
    model = Net(lambda m, given: raw_where_it_is_loud(m, image(given)))
    expected = [model(make(x)) for x in (X, loud(X))]
    fold(model, (make(X),), verify=verify)
    torch.testing.assert_close([model(make(x)) for x in (X, loud(X))], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_norm_behind_data_in_an_object_is_folded_and_proved_on_two_inputs(holder):
    make, image = HOLDERS[holder]
    report = fold(Net(lambda m, given: m.bn(m.conv(image(given)))), (make(X),))
    assert (report.outcome_of("bn"), report.proof.inputs) == ("folded", 2)


def by_array(m, given):
    return m.conv(X) if given.more.max() > 100 else m.bn(m.conv(X))


def by_number(m, given):
    return m.conv(X) if given.more > 100 else m.bn(m.conv(X))


def by_secret(m, given):
    return m.conv(X) if given.more.locked() else m.bn(m.conv(X))


UNSEEN = {
    "whole number": (by_number, 7, 200, "argument 0.more (int)"),
    "array": (by_array, np.zeros(3), np.full(3, 200.0), "argument 0.more (ndarray)"),
    "number": (by_number, 0.5, 200.0, "argument 0.more (float)"),
    "NumPy's number": (by_number, np.float32(0.5), np.float32(200.0), "argument 0.more (float32)"),
    "secret": (by_secret, threading.Lock(), None, "argument 0.more (lock)"),
}


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("kind", UNSEEN)
def test_nothing_is_concluded_where_the_data_could_decide_unseen(kind, verify):
    body, given, _, name = UNSEEN[kind]
    report = fold(Net(body), (Sample(None, given),), verify=verify)
    (norm,) = report.norms
    assert norm.outcome == "scale-shifted"
    assert norm.reason == f"the example holds {name}, which Python may read, and decide by, unseen: give it as a tensor"


@pytest.mark.parametrize("kind", ["array", "number", "NumPy's number", "whole number"])
def test_the_other_way_gives_what_it_gave(kind):
    body, given, other, _ = UNSEEN[kind]
    model = Net(body)
    expected = [model(Sample(None, value)) for value in (given, other)]
    fold(model, (Sample(None, given),))
    torch.testing.assert_close([model(Sample(None, value)) for value in (given, other)], expected)


OUTSIDE = {}


def test_a_tensor_that_comes_from_outside_may_be_data():
    model = Net(lambda m, key: raw_where_it_is_loud(m, OUTSIDE[key]))
    OUTSIDE["quiet"], OUTSIDE["loud"] = X, loud(X)
    expected = [model(key) for key in OUTSIDE]
    fold(model, ("quiet",), verify=False)
    torch.testing.assert_close([model(key) for key in OUTSIDE], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: iter([X]), lambda: (x for x in [X])])
def test_an_example_that_one_call_uses_up_is_refused_and_not_used(make):
    given = make()
    with pytest.raises(TypeError, match=r"expected an example with which .* more than once, got argument 0 \("):
        fold(Net(lambda m, rows: m.bn(m.conv(next(rows)))), (given,))
    assert next(given) is X


def test_plain_arguments_and_lengths_are_options():
    class Scaled(Net):
        def forward(self, x, scale, sizes):
            return self.bn(self.conv(x)) * scale

    assert fold(Scaled(None), (X, 0.5, [(6, 6)])).outcome_of("bn") == "folded"


def test_a_model_that_takes_no_random_data_says_that_it_was_compared_on_the_example_alone():
    def body(m, x):
        if not torch.equal(x, X):
            raise ValueError
        return m.bn(m.conv(x))

    report = fold(Net(body), X)
    assert report.proof.inputs == 1
    assert "the model takes no random data like the example's (ValueError); only the example itself was compared" in (
        report.notes
    )


def other(tensor, **options):
    return varied(Call((Sample(tensor),), {}), 0, **options).args[0].image


ROWS = torch.tensor([[1.0, 0.0, -2.0], [0.0, 3.0, 5.0]])


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
@pytest.mark.filterwarnings("ignore:.*(beta|Sparse).*:UserWarning")
def test_a_sparse_tensor_has_other_values_at_the_same_places(layout):
    before = ROWS.to_sparse(layout=layout)
    after = other(before)
    assert after.layout is layout
    assert torch.equal(after.to_dense() != 0, ROWS != 0)
    assert not torch.equal(after.to_dense(), ROWS)


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
@pytest.mark.filterwarnings("ignore:.*prototype.*:UserWarning")
def test_a_nested_tensor_has_other_values_of_the_same_shapes(layout):
    before = torch.nested.nested_tensor([ROWS, ROWS[:1]], layout=layout)
    after = other(before)
    assert [part.shape for part in after.unbind()] == [part.shape for part in before.unbind()]
    assert not torch.equal(after.unbind()[0], ROWS)


def test_both_parts_of_a_complex_tensor_are_others():
    before = torch.complex(ROWS, ROWS + 1)
    after = other(before)
    assert (after.real != before.real).all()
    assert (after.imag != before.imag).all()


def test_whole_numbers_are_put_into_another_order_along_the_longest_axis():
    edges = torch.tensor([[0, 3, 1, 2, 5, 4], [9, 8, 7, 6, 5, 4]])
    after = other(edges)
    assert not torch.equal(after, edges)
    assert sorted(zip(*after.tolist(), strict=True)) == sorted(zip(*edges.tolist(), strict=True))


@pytest.mark.parametrize("values", [[0, 2, 2, 5], [4, 2, 1], [7]])
def test_whole_numbers_in_order_stay(values):
    assert other(torch.tensor(values)).tolist() == values


def test_whole_numbers_stay_where_the_model_does_not_take_them_in_another_order():
    before = torch.tensor([3, 1, 2])
    assert torch.equal(other(before, whole=False), before)


def test_a_packed_sequence_keeps_its_lengths():
    packed = pack_sequence([torch.randn(3, 2), torch.randn(1, 2)])
    (after,) = varied(Call((packed,), {}), 0).args
    assert isinstance(after, PackedSequence)
    assert after.batch_sizes.tolist() == packed.batch_sizes.tolist()
    assert not torch.equal(after.data, packed.data)


class Tokens(nn.Module):
    """Words of a text, and a norm over what is said of them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.conv, self.bn = nn.Embedding(9, 3), nn.Conv1d(3, 4, 1), nn.BatchNorm1d(4)
        self.eval()

    def forward(self, tokens):
        return self.bn(self.conv(self.table(tokens).mT))


def test_a_model_of_whole_numbers_alone_is_proved_on_two_inputs():
    report = fold(Tokens(), torch.tensor([[3, 1, 4, 1, 5], [8, 2, 6, 5, 3]]))
    assert (report.outcome_of("bn"), report.proof.inputs) == ("folded", 2)
