"""Models that keep things between calls: what the verbs run leaves no trace in them."""

import pytest
import torch
from torch import nn

import batchnorm

VERBS = {
    "trace": lambda model: batchnorm.trace(model, X),
    "fold": lambda model: batchnorm.fold(model, X),
    "average": lambda model: batchnorm.recalibrate(model, [X], method="average"),
    "exact": lambda model: batchnorm.recalibrate(model, [X], method="exact"),
}
X = torch.linspace(-1, 1, 2 * 3 * 6 * 6).reshape(2, 3, 6, 6).sin()


class Encoder(nn.Module):
    """Keeps its skips in a list, and a cache by name with a list in it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.last, self.last_norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.skips = []
        self.cache = {"calls": [0]}

    def forward(self, x):
        self.cache["calls"][0] += 1
        self.skips.append(self.norm(self.conv(x)))
        self.cache[len(self.skips)] = self.skips[-1]
        return self.last_norm(self.last(self.skips[-1].relu())) + self.skips[-1]


def enliven(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    return model


@pytest.mark.parametrize("verb", VERBS)
def test_skips_and_caches_are_as_long_as_before(verb):
    torch.manual_seed(0)
    model = enliven(Encoder())
    model(X)
    model.eval()
    held = ([*model.skips], {**model.cache}, [*model.cache["calls"]])
    VERBS[verb](model)
    assert all(one is other for one, other in zip(model.skips, held[0], strict=True))
    assert all(model.cache[key] is held[1][key] for key in held[1])
    assert (len(model.cache), model.cache["calls"]) == (len(held[1]), held[2])


def test_a_model_that_keeps_tensors_of_a_graph_is_proved_in_float64():
    torch.manual_seed(0)
    model = enliven(Encoder())
    model(X)
    report = batchnorm.fold(model.eval(), X)
    assert report.proof.error_float64 is not None
    assert report.outcome_of("norm") == "folded"


class Attention(nn.Module):
    """Has a table of its biases in evaluation alone, as LeViT's has."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.biases = nn.Parameter(torch.zeros(3))

    @torch.no_grad()
    def train(self, mode=True):
        super().train(mode)
        if mode and hasattr(self, "ab"):
            del self.ab
        elif not mode:
            self.ab = self.biases[[2, 1, 0]]

    def forward(self, x):
        return self.norm(x) + (self.biases[[2, 1, 0]] if self.training else self.ab)[:, None, None]


def with_batch_statistics(model):
    with batchnorm.statistics.use_batch_statistics(model):
        model(X)


@pytest.mark.parametrize("verb", ["trace", "average", "exact", "use_batch_statistics"])
def test_tables_for_evaluation_are_those_of_the_weights_also_afterwards(verb):
    model = nn.Sequential(Attention())
    model.train()
    with torch.no_grad():
        model[0].biases.copy_(torch.tensor([1.0, 2.0, 64.0]))
    {**VERBS, "use_batch_statistics": with_batch_statistics}[verb](model)
    assert not hasattr(model[0], "ab")
    assert all(module.training for module in model.modules())
    with torch.no_grad():
        model[0].biases.add_(1)
    model.eval()
    assert model[0].ab.tolist() == [65.0, 3.0, 2.0]


def test_what_is_seen_in_evaluation_has_the_table():
    model = nn.Sequential(Attention())
    assert [call.name for call in batchnorm.trace(model, X).calls] == ["", "0", "0.norm"]


class Cached(nn.Module):
    """Fills a table when it is first called in evaluation, and drops it in `train()`, as timm's do."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.bias = nn.Parameter(torch.zeros(()))
        self.tables = {}

    def train(self, mode=True):
        if mode:
            self.tables = {}
        return super().train(mode)

    def forward(self, x):
        if self.training:
            return self.norm(x) + self.bias
        return self.norm(x) + self.tables.setdefault("bias", self.bias * 2 / 2)


def test_a_table_that_a_forward_by_batch_statistics_fills_is_not_there_in_the_next_evaluation():
    model = nn.Sequential(Cached()).train()
    with_batch_statistics(model)
    with torch.no_grad():
        model[0].bias.fill_(5.0)
    expected = model[0].norm.eval()(X) + 5.0
    assert torch.equal(model.eval()(X), expected)


LAZY = {
    "torch": lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)),
    "ours": lambda: nn.Sequential(
        nn.LazyConv2d(4, 3), batchnorm.nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2), nn.LazyBatchNorm1d()
    ),
}


@pytest.mark.parametrize("kind", LAZY)
@pytest.mark.parametrize("verb", ["trace", "fold"])
def test_a_lazy_net_that_was_loaded_and_not_yet_called_runs_afterwards(verb, kind):
    torch.manual_seed(0)
    loaded, model = LAZY[kind](), LAZY[kind]()
    loaded(X)
    model.load_state_dict(loaded.state_dict())
    expected = loaded.eval()(X)
    VERBS[verb](model.eval())
    assert torch.equal(model(X), expected)
    if verb == "fold":
        batchnorm.unfold(model)
        assert torch.equal(model(X), expected)


class Binary(nn.Conv2d):
    """Makes its weight binary while it runs, in place, and leaves it so."""

    def forward(self, x):
        self.weight.data.copy_(self.weight.data.sign())
        return super().forward(x)


@pytest.mark.parametrize("verb", VERBS)
def test_weights_that_a_forward_writes_into_are_as_before(verb):
    torch.manual_seed(0)
    model = nn.Sequential(Binary(3, 4, 3), nn.BatchNorm2d(4)).eval()
    weight = model[0].weight.detach().clone()
    VERBS[verb](model)
    if verb == "fold":
        batchnorm.unfold(model)
    assert torch.equal(model[0].weight, weight)
