"""What the user's code does behind the last norm of a forward happens, whoever may have to put something back there."""

import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from batchnorm import recalibrate
from batchnorm.measuring import may_be_left

from .oracle import errors, images, inputs, make, moments, population, stale

METHODS = ("average", "exact")


class Binary:
    """Weights that are their signs during a forward, and themselves again behind it."""

    def on(self, model):
        self.kept = [parameter.detach().clone() for parameter in model.parameters()]
        for parameter in model.parameters():
            parameter.data.sign_()

    def off(self, model):
        for parameter, kept in zip(model.parameters(), self.kept, strict=True):
            parameter.data.copy_(kept)


def binarized(model):
    twin = copy.deepcopy(model)
    Binary().on(twin)
    return twin


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_a_forward_fn_exchanges_are_put_back_by_it(method):
    model, x, swap = make("mlp"), images(), Binary()
    before = copy.deepcopy(dict(model.named_parameters()))
    expected = population(binarized(model), x)
    if method == "average":
        expected = {name: moments(torch.cat(got), 1) for name, got in inputs(binarized(model), x.split(10)).items()}

    def run(net, batch):
        swap.on(net), net(batch), swap.off(net)

    recalibrate(model, x.split(10), method=method, forward_fn=run)
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    assert max(errors(model, expected)) <= 1e-5


class ExchangesInside(nn.Module):
    """The same, in a forward of its own, by a context that puts back at its end alone."""

    def __init__(self):
        super().__init__()
        self.net = make("mlp")

    def forward(self, x):
        swap = Binary()
        swap.on(self.net)
        y = self.net(x)
        swap.off(self.net)
        return y


def test_weights_that_a_forward_exchanges_are_put_back_by_it():
    model = ExchangesInside()
    before = copy.deepcopy(dict(model.named_parameters()))
    recalibrate(model, images().split(10), method="exact")
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())


@pytest.mark.parametrize("method", METHODS)
def test_hooks_that_come_in_pairs_are_both_called(method):
    model, inside = make("convbnnet"), []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda *_: inside.append(1))
            module.register_forward_hook(lambda *_: inside.pop() and None)
    recalibrate(model, images().split(10), method=method)
    assert inside == []


PROCESS = {
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "threads": (torch.get_num_threads, torch.set_num_threads, 2),
    "cudnn.benchmark": (
        lambda: torch.backends.cudnn.benchmark,
        lambda value: setattr(torch.backends.cudnn, "benchmark", value),
        True,
    ),
}


@pytest.mark.parametrize("setting", PROCESS)
def test_a_setting_of_the_process_that_a_forward_changes_and_puts_back_is_put_back(setting):
    get, put, other = PROCESS[setting]
    before = get()

    class Changing(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = make("mlp")

        def forward(self, x):
            put(other)
            y = self.net(x)
            put(before)
            return y

    try:
        recalibrate(Changing(), images().split(10), method="exact")
        assert get() == before
    finally:
        put(before)


STACK = []


class Stacking(nn.Module):
    """Keeps a depth in a global, as tracers and profilers do."""

    def __init__(self):
        super().__init__()
        self.a, self.b = make("mlp"), nn.BatchNorm1d(10)

    def forward(self, x):
        STACK.append(self)
        y = self.b(self.a(x))
        STACK.pop()
        return y


def test_a_global_that_a_forward_fills_and_empties_is_empty():
    STACK.clear()
    recalibrate(Stacking(), images().split(10), method="exact")
    assert STACK == []


class Recurrent(nn.Module):
    """Adds what its last norm made of the batch before."""

    def __init__(self, hidden):
        super().__init__()
        torch.manual_seed(0)
        self.into, self.on = nn.Linear(5, 4), nn.Linear(4, 4)
        self.first, self.last = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
        self.hidden = hidden

    def forward(self, x):
        y = self.first(self.into(x)).relu()
        if self.hidden is not None:
            y = y + 0.1 * self.hidden
        z = self.last(self.on(y))
        self.hidden = z.detach()
        return z


@pytest.mark.parametrize("hidden", [None, torch.randn(10, 4)], ids=["from nothing", "from a state"])
def test_a_state_that_is_carried_from_batch_to_batch_is_carried_on_in_every_pass(hidden):
    model, x = stale(Recurrent(hidden)).double(), (2 + torch.randn(40, 5)).double()
    if hidden is not None:
        model.hidden = hidden.double()
    start = model.hidden
    record = recalibrate(model, x.split(10), method="exact", tolerance=1e-7)
    assert model.hidden is start
    twin, seen = copy.deepcopy(model).eval(), {"first": [], "last": []}
    for name, found in seen.items():
        twin.get_submodule(name).register_forward_pre_hook(lambda _, args, found=found: found.append(args[0].detach()))
    for batch in x.split(10):
        twin(batch)
    assert max(errors(model, {name: moments(torch.cat(got), 1) for name, got in seen.items()})) <= 1e-7
    assert record.certificate.settled == 2


def test_a_state_that_no_statistics_come_to_rest_with_is_refused_for_what_it_is():
    class Growing(Recurrent):
        def forward(self, x):
            kept = self.hidden if self.hidden is not None else 0
            z = self.last(self.on(x @ self.into.weight.T) + 10 * torch.sin(10 * (kept + self.last.running_mean)))
            self.hidden = z.detach()
            return self.first(z)

    with pytest.raises(RuntimeError, match="depends on its own statistics and does not come to rest"):
        recalibrate(stale(Growing(None)), torch.randn(40, 5).split(10), method="exact")


def test_a_forward_inside_a_context_leaves_it():
    depth = []

    @contextlib.contextmanager
    def inside():
        depth.append(1)
        yield
        depth.pop()  # not in a finally: an exception would leave it

    def run(net, batch):
        with inside():
            net(batch)

    recalibrate(make("mlp"), images().split(10), method="exact", forward_fn=run)
    assert depth == []


def mine(x):
    return x.relu()


class Own(nn.Module):
    """Somebody's own block, which happens to do nothing else."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))

    def forward(self, x):
        return self.net(x)


def with_forward(model):
    model.forward = mine
    return model


def with_hook(model):
    model[0].register_forward_hook(lambda *_: None)
    return model


def with_activation(function):
    layer = nn.TransformerEncoderLayer(4, 2, activation=function)
    return nn.Sequential(layer, nn.BatchNorm1d(4))


LEFT = {
    "torch's modules": (lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4)), True),
    "this library's net": (lambda: make("resnet20"), True),
    "a function of torch as activation": (lambda: with_activation(F.relu), True),
    "parametrized": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)), nn.BatchNorm1d(4)),
        True,
    ),
    "a class of somebody's": (Own, False),
    "a class of somebody's inside": (lambda: nn.Sequential(Own(), nn.BatchNorm1d(4)), False),
    "a subclass of torch's layer": (lambda: nn.Sequential(type("Mine", (nn.ReLU,), {})(), nn.BatchNorm1d(4)), False),
    "a forward of the instance": (lambda: with_forward(make("mlp")), False),
    "a hook": (lambda: with_hook(nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))), False),
    "the old weight_norm, which is a hook": (
        lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(5, 4)), nn.BatchNorm1d(4)),
        False,
    ),
    "a function of somebody's as activation": (lambda: with_activation(mine), False),
    "quantization-aware": (lambda: nn.Sequential(torch.ao.quantization.FakeQuantize(), nn.BatchNorm1d(4)), False),
}


@pytest.mark.parametrize("case", LEFT)
def test_a_forward_may_be_left_where_all_code_is_known(case):
    make_model, expected = LEFT[case]
    assert may_be_left(make_model()) is expected


def test_a_forward_that_somebody_has_put_on_a_class_of_torch_is_not_known(monkeypatch):
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: F.relu(x))
    assert not may_be_left(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)))


def test_a_call_that_somebody_has_put_on_all_modules_is_not_known(monkeypatch):
    original = nn.Module.__call__
    monkeypatch.setattr(nn.Module, "__call__", lambda self, x: original(self, 2 * x))
    assert not may_be_left(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)))
