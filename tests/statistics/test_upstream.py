"""Which norm reads from which: what one forward shows, and what it does not."""

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from batchnorm import recalibrate
from batchnorm.models import ResNet
from batchnorm.statistics.recalibration._depths import Level, by_depth, in_order

from .oracle import errors, images, moments, picture, population, stale


class Three(nn.Module):
    """Three norms, wired by a function."""

    def __init__(self, wire):
        super().__init__()
        self.wire = wire
        for name in "abc":
            self.add_module(name, nn.BatchNorm1d(3))

    def forward(self, x):
        return self.wire(self, x)


def inplace(net, x):
    x = net.a(x).relu_()
    x += 1
    return net.c(net.b(x).mul_(2))


def hidden_by_no_grad(net, x):
    with torch.no_grad():
        x = net.b(net.a(x).relu())
    return net.c(x + 1)


def checkpointed(net, x):
    return net.c(checkpoint(lambda x: net.b(net.a(x).relu()), x, use_reentrant=True))


WIRINGS = {
    "a chain": (lambda net, x: net.c(net.b(net.a(x)).relu()), "abc"),
    "in place": (inplace, "abc"),
    "branches": (lambda net, x: net.c(net.a(x) + net.b(2 - x)), "a b c"),
    "a fork": (lambda net, x: net.a(x.square()).sum() + (net.b(y := net.c(x)) + y).sum(), "b=2 others=1"),
    "a skip": (lambda net, x: net.c(net.b(y := net.a(x)) + y), "abc"),
    "all from the data": (lambda net, x: net.a(x) + net.b(x.square()) + net.c(x.exp()), "one level"),
    "detached": (lambda net, x: net.c(net.b(net.a(x).detach())), "abc"),
    "no_grad": (hidden_by_no_grad, "abc"),
    "a reentrant checkpoint": (checkpointed, "abc"),
    "through numpy": (lambda net, x: net.c(net.b(torch.from_numpy(net.a(x).detach().numpy()))), "abc"),
    "a leaf of the model's own": (lambda net, x: net.c(net.b(net.a(x).detach().requires_grad_() * 2)), "abc"),
    "data in integers": (lambda net, x: net.c(net.b(net.a(x.round().int().to(x.dtype)))), "abc"),
}
DEPTHS = {
    "abc": {"a": 1, "b": 2, "c": 3},
    "a b c": {"a": 1, "b": 1, "c": 2},
    "b=2 others=1": {"a": 1, "c": 1, "b": 2},
    "one level": {"a": 1, "b": 1, "c": 1},
}


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_depth_follows_what_is_read(wiring):
    wire, name = WIRINGS[wiring]
    model, x = stale(Three(wire)), torch.randn(40, 3)
    expected = population(model, x)
    record = recalibrate(model, x.split(7), method="exact")
    assert {norm.name: norm.depth for norm in record.norms} == DEPTHS[name]
    assert max(errors(model, expected)) <= 1e-5
    assert record.notes == ()


class Drifting(Three):
    """Adds more in every forward, behind the first norm, and counts where nobody can put it back."""

    def __init__(self):
        super().__init__(None)
        count = itertools.count()
        self.drift = lambda: 0.1 * next(count)

    def forward(self, x):
        return self.c(self.b(self.a(x) + self.drift()))


def test_a_model_that_computes_something_else_each_time_is_refused():
    model, x = stale(Drifting()), torch.randn(40, 3)
    before = picture(model)
    with pytest.raises(
        RuntimeError, match=r"after the last round, got .* for b: the model does not compute the same again"
    ):
        recalibrate(model, x.split(7), method="exact")
    assert picture(model) == before


def test_what_does_not_hold_is_kept_and_named_if_asked_for():
    record = recalibrate(stale(Drifting()), torch.randn(40, 3).split(7), method="exact", keep_partial=True)
    assert [norm.state for norm in record.norms] == ["exact", "unsettled", "unsettled"]
    assert (record.certificate.settled, record.exact_depth) == (1, 1)
    assert record.certificate.residual_mean > 0.1


class Hiding(Three):
    """The last norm reads from b, of depth 1, and what c made of the batch before, which one forward does not show."""

    def __init__(self):
        super().__init__(None)
        self.d = nn.BatchNorm1d(3)
        self.kept = torch.zeros(3)

    def forward(self, x):
        kept, self.kept = self.kept, self.c(self.a(x).relu()).detach().amax(0)
        return self.d(self.b(2 - x) + 3 * kept)


@pytest.mark.parametrize("keep_partial", [True, False])
def test_going_on_one_after_the_other_keeps_to_the_rounds_allowed(keep_partial):
    model, x = stale(Hiding()), torch.randn(40, 3)
    if keep_partial:
        record = recalibrate(model, x.split(7), method="exact", max_rounds=3, keep_partial=True)
        assert len(record.rounds) == 3
        assert [norm.state for norm in record.norms] == ["exact", "exact", "exact", "unsettled"]
        return
    before = picture(model)
    with pytest.raises(RuntimeError, match="max_rounds: expected at least 5 for this model, got 3"):
        recalibrate(model, x.split(7), method="exact", max_rounds=3)
    assert picture(model) == before


def test_norms_that_the_graph_places_wrongly_are_settled_one_after_the_other():
    model, x = stale(Hiding()), torch.randn(40, 3)
    expected = {name: found for name, found in population(model, x).items() if name != "d"}
    record = recalibrate(model, x.split(7), method="exact")
    assert max(errors(model, expected)) <= 1e-5
    twin, seen = copy.deepcopy(model).double().eval(), []
    twin.d.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    for batch in x.double().split(7):
        twin(batch)
    assert max(errors(model, {"d": moments(torch.cat(seen), 1)})) <= 1e-5
    assert record.certificate.settled == 4
    assert "one forward did not show all" in record.notes[0]


def test_the_shortcut_of_a_block_counts():
    torch.manual_seed(0)
    model = stale(ResNet(width=4, stages=2, blocks=1, image_size=8, shortcut="project"))
    x = images()
    expected = population(model, x)
    record = recalibrate(model, x.split(7), method="exact")
    depths = {norm.name: norm.depth for norm in record.norms}
    assert depths["stage2.0.shortcut.bn"] == depths["stage2.0.residual.bn1"]
    assert max(errors(model, expected)) <= 1e-5


def test_what_a_norm_adds_to_its_output_is_upstream_of_what_follows():
    class Adds(nn.BatchNorm1d):
        def forward(self, x, residual):
            return super().forward(x) + residual

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.add, self.last = nn.BatchNorm1d(3), nn.BatchNorm1d(3), Adds(3), nn.BatchNorm1d(3)

        def forward(self, x):
            return self.last(self.add(x, self.b(self.a(x).relu())))

    model, x = stale(Net()), torch.randn(40, 3)
    expected = population(model, x)
    record = recalibrate(model, x.split(7), method="exact")
    assert {norm.name: norm.depth for norm in record.norms} == {"a": 1, "b": 2, "add": 1, "last": 3}
    assert max(errors(model, expected)) <= 1e-5


def test_levels_of_a_loop():
    # 0 -> 1 <-> 2 -> 3, and 4 by itself.
    assert by_depth([0, 0b101, 0b010, 0b100, 0], range(5)) == [
        Level(1, (0, 4), loops=False),
        Level(2, (1, 2), loops=True),
        Level(3, (3,), loops=False),
    ]


def test_a_norm_that_reads_itself_comes_before_what_reads_it():
    assert by_depth([0b10, 0b10], range(2)) == [Level(1, (1,), loops=True), Level(2, (0,), loops=False)]


def test_a_sequence_loops_where_a_norm_is_called_twice():
    assert in_order([1, 0, 1], range(3)) == [
        Level(1, (1,), loops=True),
        Level(2, (0,), loops=False),
        Level(3, (2,), loops=False),
    ]


def test_a_model_that_cuts_its_batches_calls_its_norms_in_an_order_that_two_samples_do_not_show():
    class InParts(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x):
            return torch.cat([self.norm(part) for part in x.split(4)])

    x = torch.randn(24, 3)
    assert recalibrate(InParts(), x.split(8), method="exact").notes == ()
