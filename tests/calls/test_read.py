"""How a model is called with what a loader or a caller gives: one table for all verbs."""

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from batchnorm import fold, trace
from batchnorm.calls import Call, Reader

Pair = namedtuple("Pair", "image label")
X, Y = torch.zeros(4, 3), torch.arange(4)


class One(nn.Module):
    def forward(self, x):
        return x


class Optional(nn.Module):
    def forward(self, x, mask=None):
        return x


class Two(nn.Module):
    def forward(self, left, right, scale=2):
        return left


class Any(nn.Module):
    def forward(self, *args, **kwargs):
        return args


@dataclass
class Graph:
    x: Tensor


BATCHES = {
    "a tensor": (One, X, (X,)),
    "a tuple with labels": (One, (X, Y), (X,)),
    "a list with labels": (One, [X, Y], (X,)),
    "a list with words": (One, [X, "labels"], (X,)),
    "a named tuple": (One, Pair(X, 3), (X,)),
    "labels and an optional argument": (Optional, (X, Y), (X,)),
    "two inputs and labels": (Two, (X, X, Y), (X, X)),
    "any number of arguments": (Any, (X, Y), (X,)),
    "a list of images and targets": (One, ([X, X], [Y]), ([X, X],)),
}


@pytest.mark.parametrize("case", BATCHES)
def test_a_batch_of_a_loader_gives_as_many_arguments_as_the_forward_needs(case):
    model, raw, expected = BATCHES[case]
    call = Reader(model(), "recalibrate").batch(raw)
    assert (call.args, call.kwargs) == (expected, {})


EXAMPLES = {
    "a tensor": (One, X, [(X,)]),
    "a tuple": (Two, (X, X), [(X, X)]),
    "a tuple with an optional argument": (Optional, (X, Y), [(X, Y)]),
    "a tuple with labels": (One, (X, Y), [(X,)]),
    "a list of tensors": (One, [X, X.double()], [(X,), (X.double(),)]),
    "a list of tuples": (Two, [(X, X), (X, X, 3)], [(X, X), (X, X, 3)]),
    "what a loader gives": (One, [X, Y], [(X,)]),
    "what a loader gives to two inputs": (Two, [X, X, Y], [(X, X, Y)]),
    "one in a list": (One, [X], [(X,)]),
    "images of several sizes": (One, [X[None, None], X[None, None, :2]], [(X[None, None],), (X[None, None, :2],)]),
}


@pytest.mark.parametrize("case", EXAMPLES)
def test_examples_give_as_many_arguments_as_the_forward_takes(case):
    model, raw, expected = EXAMPLES[case]
    found = Reader(model(), "fold").examples(raw)
    assert len(found) == len(expected)
    assert repr([call.args for call in found]) == repr(expected)


@pytest.mark.parametrize("raw", [Graph(X), pack_sequence([X])], ids=["dataclass", "packed sequence"])
@pytest.mark.parametrize("way", ["batch", "example"])
def test_an_object_with_tensors_in_it_is_given_as_it_is(way, raw):
    assert getattr(Reader(One(), "fold"), way)(raw).args == (raw,)


@pytest.mark.parametrize("way", ["batch", "example"])
def test_a_dict_is_keyword_arguments(way):
    call = getattr(Reader(Two(), "fold"), way)({"left": X, "right": X})
    assert (call.args, [*call.kwargs]) == ((), ["left", "right"])


def test_a_forward_fn_gets_the_batch_whole():
    given = []
    call = Reader(One(), "recalibrate", lambda model, batch: given.append(batch)).batch([X, Y])
    call.run(One())
    assert given == [[X, Y]]


@pytest.mark.parametrize(("raw", "got"), [(3, "int"), ([], "list that is empty"), (("a", X), "begins with str")])
def test_what_is_no_batch_names_what_came_and_the_way_out(raw, got):
    with pytest.raises(
        TypeError, match=rf"^recalibrate: loader: expected batches that are .* got .*{got}.*forward_fn="
    ):
        Reader(One(), "recalibrate").batch(raw)


@pytest.mark.parametrize("verb", [fold, trace], ids=["fold", "trace"])
def test_a_dict_with_another_key_is_refused_before_the_model_runs(verb):
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'label'\. Pass what the model is called with"):
        verb(net, {"input": X, "label": Y})


def test_a_model_whose_hooks_change_the_arguments_is_asked_nothing():
    model = One()
    model.register_forward_pre_hook(lambda module, args, kwargs: ((X,), {}), with_kwargs=True)
    assert Reader(model, "recalibrate").batch({"anything": X}).kwargs == {"anything": X}


def test_a_loader_s_batch_is_one_example_of_fold():
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    assert fold(net, [torch.randn(4, 3), Y]).outcome_of("1") == "folded"


def test_samples_are_the_rows_that_most_tensors_have():
    assert Call(({"adjacency": torch.zeros(5, 5), "x": X, "y": Y},), {}).samples == 4
    assert Call((torch.tensor(3.0),), {}).samples == 1


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_the_first_samples_come_again_where_there_are_fewer(count):
    x = torch.arange(12.0).view(4, 3)
    assert torch.equal(Call((x,), {}).first(count).args[0], torch.cat([x, x])[:count])


def test_nothing_is_cut_whose_tensors_have_different_lengths():
    call = Call((torch.zeros(5, 5), X), {})
    assert call.cut(2) is call
    assert call.first(2) is call


def test_a_packed_sequence_is_moved_without_its_lengths():
    moved = Call((pack_sequence([X, X[:2]]),), {}).to(torch.device("meta")).args[0]
    assert (moved.data.device.type, moved.batch_sizes.device.type) == ("meta", "cpu")
