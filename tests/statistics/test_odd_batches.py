"""Batches of objects, of tensors with different lengths, sparse ones: counted, told apart, or refused with a reason."""

import collections
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from batchnorm import recalibrate

METHODS = ("average", "exact")


@dataclass
class Graph:
    """Nodes and their adjacency, in a dataclass."""

    x: Tensor
    adjacency: Tensor


class Data:
    """The same in an object with slots, and inside a dict of its own."""

    __slots__ = ("store",)

    def __init__(self, x, adjacency):
        self.store = {"x": x, "adjacency": adjacency}


class Nodes(nn.Module):
    """Takes a graph, whatever its class."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.into, self.norm = nn.Linear(5, 4), nn.BatchNorm1d(4)

    def forward(self, graph):
        x, adjacency = (graph.x, graph.adjacency) if isinstance(graph, Graph) else graph.store.values()
        return self.norm(adjacency @ self.into(x))


def graphs(kind, seed=0, adjacency=None):
    generator = torch.Generator().manual_seed(seed)
    return [
        kind(torch.randn(8, 5, generator=generator), torch.eye(8) if adjacency is None else adjacency) for _ in range(3)
    ]


@pytest.mark.parametrize("forward_fn", [None, lambda model, graph: model(graph)], ids=["as it is", "forward_fn"])
@pytest.mark.parametrize("kind", [Graph, Data])
def test_the_fingerprint_of_objects_is_that_of_the_data_in_them(kind, forward_fn):
    def prints(seed):
        return recalibrate(Nodes(), graphs(kind, seed), method="exact", forward_fn=forward_fn).fingerprint

    assert prints(0) == prints(0) != prints(1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [Graph, Data])
def test_a_model_of_objects_is_recalibrated(kind, method):
    model, loader = Nodes(), graphs(kind)
    record = recalibrate(model, loader, method=method)
    read = torch.cat([model.into(graph.x if kind is Graph else graph.store["x"]) for graph in loader])
    torch.testing.assert_close(model.norm.running_mean, read.mean(0).detach(), rtol=1e-5, atol=1e-6)
    assert record.samples == 24


class Frames(nn.Module):
    """One adjacency of 5 joints for all batches, and 8 samples a batch."""

    def __init__(self):
        super().__init__()
        self.into, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)

    def forward(self, adjacency, x):
        return self.norm((adjacency @ self.into(x)).transpose(1, 2))


FORMS = {"dict": lambda adjacency, x: {"adjacency": adjacency, "x": x}, "tuple": lambda adjacency, x: (adjacency, x)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", FORMS)
def test_a_tensor_that_is_the_same_in_all_batches_counts_no_samples(form, method):
    adjacency = torch.rand(5, 5)
    loader = [FORMS[form](adjacency, torch.randn(8, 5, 3)) for _ in range(3)]
    assert recalibrate(Frames(), loader, method=method).samples == 24


@pytest.mark.parametrize("form", FORMS)
def test_max_samples_of_tensors_with_different_lengths_is_refused(form):
    model = Frames()
    before = model.norm.running_mean.clone()
    loader = [FORMS[form](torch.rand(5, 5), torch.randn(8, 5, 3)) for _ in range(3)]
    with pytest.raises(
        ValueError, match="max_samples: expected batches whose tensors have one row for each sample, got"
    ):
        recalibrate(model, loader, max_samples=12)
    assert torch.equal(model.norm.running_mean, before)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layout", ["coo", "csr", "bsr"])
@pytest.mark.filterwarnings("ignore:Sparse .* tensor support is in beta state")
def test_sparse_tensors_among_the_inputs(layout, method):
    class Sparse(Nodes):
        def forward(self, x, adjacency):
            return self.norm(adjacency.to_dense() @ self.into(x))

    dense = torch.eye(8) + torch.eye(8).roll(1, 0)
    adjacency = {
        "coo": dense.to_sparse,
        "csr": dense.to_sparse_csr,
        "bsr": lambda: dense.to_sparse_bsr((2, 2)),
    }[layout]()
    model = Sparse()
    loader = [(torch.randn(8, 5), adjacency) for _ in range(3)]
    record = recalibrate(model, loader, method=method)
    read = torch.cat([dense @ model.into(x) for x, _ in loader])
    torch.testing.assert_close(model.norm.running_mean, read.mean(0).detach(), rtol=1e-5, atol=1e-6)
    assert record.samples == 24
    assert record.notes == ()


def test_words_and_numbers_have_a_fingerprint_too():
    def run(model, batch):
        model(torch.tensor([[float(len(word))] * 5 for word in batch["words"]]))

    class Rows(Nodes):
        def forward(self, x):
            return self.norm(self.into(x))

    def prints(*words):
        return recalibrate(Rows(), [{"words": [*words]}], forward_fn=run).fingerprint

    assert prints("a", "bb") == prints("a", "bb") != prints("a", "cc")


def test_arrays_for_a_forward_fn_are_counted_and_hashed():
    def run(model, batch):
        model(Graph(torch.from_numpy(batch["x"]), torch.eye(len(batch["x"]))))

    def record(seed):
        x = np.random.default_rng(seed).normal(size=(24, 5)).astype(np.float32)
        return recalibrate(Nodes(), [{"x": part} for part in np.split(x, 3)], forward_fn=run)

    assert record(0).samples == 24
    assert record(0).fingerprint != record(1).fingerprint


def test_a_key_that_the_forward_does_not_take_names_the_way_out():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'label'.*forward_fn=lambda model, batch"):
        recalibrate(Nodes(), [{"graph": graphs(Graph)[0], "label": 3}])


def test_a_key_that_is_missing_names_the_way_out():
    with pytest.raises(TypeError, match=r"missing a required argument: 'x'.*forward_fn=lambda model, batch"):
        recalibrate(Frames(), [{"adjacency": torch.rand(5, 5)}])


def test_as_many_arguments_as_the_forward_needs_are_given():
    """What comes behind them are labels."""
    adjacency = torch.rand(5, 5)
    loader = [[adjacency, torch.randn(8, 5, 3), torch.arange(8)] for _ in range(3)]
    assert recalibrate(Frames(), loader).samples == 24


def test_statistics_that_depend_on_themselves_are_not_the_loader_s_fault():
    class Aware(nn.Module):
        """A weight that is scaled by the norm's own statistics and rounded, as in quantization-aware training."""

        def __init__(self):
            super().__init__()
            self.into, self.norm = nn.Linear(5, 4), nn.BatchNorm1d(4)

        def forward(self, x):
            factor = (self.norm.running_var + self.norm.eps).rsqrt()
            weight = (self.into.weight * factor[:, None] * 8).round() / 8
            return self.norm(x @ weight.T / factor)

    torch.manual_seed(0)
    with pytest.raises(RuntimeError, match="depends on its own statistics and does not come to rest"):
        recalibrate(Aware(), [torch.randn(8, 5) for _ in range(3)], method="exact", tolerance=1e-9)
    record = recalibrate(Aware(), [torch.randn(8, 5) for _ in range(3)], method="exact", keep_partial=True)
    assert len(record.norms) == 1


@pytest.mark.filterwarnings("ignore")  # of torch's, about quantization
def test_quantization_aware_training_is_not_the_loader_s_fault():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).train()
    quantization = torch.ao.quantization
    model.qconfig = quantization.get_default_qat_qconfig("fbgemm")
    model = quantization.prepare_qat(quantization.fuse_modules_qat(model, [["0", "1", "2"]]))
    loader = [*torch.randn(30, 1, 8, 8).split(10)]
    model(loader[0])
    with pytest.raises(RuntimeError, match="depends on its own statistics and does not come to rest"):
        recalibrate(model, loader, method="exact")
    record = recalibrate(model, loader, method="exact", tolerance=0.01)
    assert record.certificate.settled == 1


def test_a_model_that_counts_outside_of_itself_is_told_from_a_loader_that_does_not_repeat():
    calls = []

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.last = nn.BatchNorm1d(5), nn.BatchNorm1d(5)

        def forward(self, x):
            calls.append(1)
            return self.last(self.norm(x + 0.01 * len(calls)))

    with pytest.raises(RuntimeError, match="although the loader gave the same samples"):
        recalibrate(Counting(), [torch.randn(8, 5) for _ in range(3)], method="exact")


def test_a_model_that_takes_a_batch_otherwise_than_it_is_read_names_the_way_out():
    class OfPairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, pair):
            return self.norm(pair.x)

    pairs = collections.namedtuple("Pair", "x y")  # as such batches are mostly made
    batches = [pairs(torch.randn(4, 3), torch.zeros(4)) for _ in range(2)]
    with pytest.raises(AttributeError, match="no attribute 'x'") as caught:
        recalibrate(OfPairs(), batches)
    assert caught.value.__notes__ == [
        "recalibrate called model(Tensor). If it is to be called otherwise with a batch, say how: "
        "forward_fn=lambda model, batch: ..."
    ]
    assert len(recalibrate(OfPairs(), batches, forward_fn=lambda model, pair: model(pair)).norms) == 1


class Writing(nn.Module):
    """Prepares its batches in place."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        return self.norm(x.mul_(2).sub_(1))


class OwnNorm(nn.BatchNorm1d):
    def forward(self, x):
        return super().forward(x)


@pytest.mark.parametrize("method", ["average", "exact"])
@pytest.mark.parametrize("norm", [nn.BatchNorm1d, OwnNorm])
def test_a_model_that_writes_into_its_batches_leaves_the_loader_s_as_they_are(norm, method):
    x = torch.randn(20, 3)
    batches = [part.clone() for part in x.split(5)]
    model = Writing(norm(3))
    recalibrate(model, batches, method=method)
    assert torch.equal(torch.cat(batches), x)
    torch.testing.assert_close(model.norm.running_mean.double(), (2 * x.double() - 1).mean(0), rtol=1e-5, atol=1e-6)
