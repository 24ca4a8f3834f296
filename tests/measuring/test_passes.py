"""One pass over data, for whoever wants to know what the norms of a model are given; nobody recalibrates anything."""

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm.calls import Reader
from batchnorm.measuring import Batches, Layout, Passes, Question
from batchnorm.measuring._meter import Behind, Meter
from batchnorm.norms import Habits, Norm, find_norms
from batchnorm.ranks import Ranks
from batchnorm.transaction import rng_state, transaction

CPU = torch.device("cpu")


class Net(nn.Module):
    """Two norms, the second of which is given what the first has made."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.BatchNorm1d(3), nn.BatchNorm1d(3)

    def forward(self, x):
        return self.second(self.first(x).exp())


@pytest.fixture
def net():
    torch.manual_seed(0)
    model = Net().double()
    for buffer in (model.first.running_mean, model.first.running_var):
        buffer.add_(torch.rand(3))
    return model


@pytest.fixture
def batches():
    return [*(3 + 2 * torch.randn(11, 3, dtype=torch.float64)).split(4)]


def measure(net, batches, heard=lambda *batch: None, **asked):
    """Run one pass; its layout and what it came to."""
    with torch.no_grad(), transaction(net) as change:
        change.evaluate()
        norms = find_norms(change.module)
        given = Batches(batches, Reader(net, "measure"), None, CPU)
        ranks = Ranks(None, CPU, "measure")
        passes = Passes(change, norms, [Habits()] * len(norms), given, ranks, rng_state(), heard)
        return passes.layout, passes.run(Question(range(len(norms)), **asked))


def test_the_moments_are_those_of_all_that_each_norm_was_given(net, batches):
    x = torch.cat(batches).numpy()
    mean, var = (of.numpy() for of in (net.first.running_mean, net.first.running_var))
    inputs = [x, np.exp((x - mean) / np.sqrt(var + net.first.eps))]
    layout, done = measure(net, batches)
    found = done.measured.stored("biased")
    for part, given in zip(layout.slices, inputs, strict=True):
        np.testing.assert_allclose(found.mean[part], given.mean(0), rtol=1e-12)
        np.testing.assert_allclose(found.var[part], given.var(0), rtol=1e-12)
    assert (done.samples, done.batches, done.calls) == (11, 3, [3, 3])


def test_a_norm_that_takes_the_batch_s_moments_hands_on_what_it_does_in_training(net, batches):
    with torch.no_grad():
        given = torch.cat([net.train().first(batch).exp() for batch in batches]).numpy()
    layout, done = measure(net, batches, by_batch=True)
    found = done.measured.stored("biased").on(layout.slices[1])
    np.testing.assert_allclose(found.mean, given.mean(0), rtol=1e-10)
    np.testing.assert_allclose(found.var, given.var(0), rtol=1e-10)


def test_every_batch_is_told(net, batches):
    heard = []
    measure(net, batches, lambda *batch: heard.append(batch))
    assert heard == [(1, 3, 1), (2, 3, 1), (3, 3, 1)]


def test_what_to_do_about_a_batch_without_a_variance_is_said_by_who_asks(net):
    with pytest.raises(ValueError, match=r"got one for first in batch 1, which has no variance\. Take two\.$"):
        measure(net, [torch.zeros(1, 3, dtype=torch.float64)], by_batch=True, refuse_single="Take two.")


def test_a_forward_in_another_order_is_not_left_before_its_end():
    norms = [Norm(str(k), (nn.Identity(),), torch.zeros(1), torch.ones(1)) for k in range(3)]
    meter = Meter(norms, [Habits()] * 3, Layout(norms), CPU, Question((), stop=2, expected=(0, 1, 2)))
    call = [meter.hook(norm) for norm in range(3)]
    for norm in (0, 1):
        call[norm](nn.Identity(), (), {})
    with pytest.raises(Behind, match=r"^$"):
        call[2](nn.Identity(), (), {})
    meter.begin(2)
    for norm in (1, 1, 2, 0):
        call[norm](nn.Identity(), (), {})
    assert meter.calls == [2, 3, 2]
