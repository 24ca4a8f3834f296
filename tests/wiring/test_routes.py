"""Is it all the same to what is concluded by which route, in which size, layout and dtype a norm was computed?"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from batchnorm import fold
from batchnorm.functional import ROUTES, _pays, batch_norm, batch_norm_add, batch_norm_pool
from batchnorm.nn import BatchNorm2d, BatchNormAdd2d, BatchNormPool2d
from batchnorm.wiring import trace

pytestmark = pytest.mark.usefixtures("one_thread")

FEWEST = 1 << 10
"""The fewest values for the kernels in these tests: 4 channels of 16 x 16."""


class Act(BatchNorm2d):
    """A layer of ours with an activation behind it, as many projects write it."""

    def __init__(self, channels, activation=None, act=None, **options):
        super().__init__(channels, activation=activation, **options)
        self.act = nn.ReLU() if act is None else act

    def forward(self, x):
        return self.act(super().forward(x))


class Doubled(BatchNorm2d):
    def forward(self, x):
        return 2 * super().forward(x)


class Before(Act):
    def forward(self, x):
        return BatchNorm2d.forward(self, self.act(x))


class Added(BatchNormAdd2d):
    def forward(self, x, residual=None):
        return super().forward(x, x if residual is None else residual)


class Pooled(BatchNormPool2d):
    def forward(self, x):
        return super().forward(x).sigmoid()


class ByHand(BatchNorm2d):
    def forward(self, x):
        state = (self.running_mean, self.running_var, self.weight, self.bias)
        return batch_norm(x, *state, False, 0.1, self.eps, route=self.route)


class ByTheBatch(BatchNorm2d):
    def forward(self, x):
        scratch = self.running_mean.clone(), self.running_var.clone()
        return batch_norm(x, *scratch, self.weight, self.bias, True, 0.1, self.eps, route=self.route)


class OtherEps(BatchNorm2d):
    def forward(self, x):
        state = (self.running_mean, self.running_var, self.weight, self.bias)
        return batch_norm(x, *state, False, 0.1, 1.0, route=self.route)


def zeros_and_ones(y):
    return torch.zeros(4, dtype=y.dtype), torch.ones(4, dtype=y.dtype)


class Loose(nn.Module):
    def __init__(self, function, route):
        super().__init__()
        self.function, self.route = function, route

    def forward(self, x):
        return self.function(x, self.route)


class Raw(nn.Module):
    """A norm of ours, and one by a function, of the same tensor."""

    def __init__(self, channels, route):
        super().__init__()
        self.norm, self.route = BatchNorm2d(channels, route=route), route

    def forward(self, x):
        return self.norm(x) + batch_norm(x, *zeros_and_ones(x), route=self.route)


NORMS = {
    "plain": BatchNorm2d,
    "with an activation": lambda *a, **k: BatchNorm2d(*a, activation="hardswish", **k),
    "subclass": Act,
    "subclass with two activations": lambda *a, **k: Act(*a, activation="silu", **k),
    "subclass with two modules": lambda *a, **k: Act(*a, activation=nn.ReLU6(), **k),
    "subclass with a function": lambda *a, **k: Act(*a, activation=F.relu, **k),
    "subclass without weights": lambda *a, **k: Act(*a, affine=False, **k),
    "more arithmetic": Doubled,
    "activation first": Before,
    "a sum": Added,
    "a pool": BatchNormPool2d,
    "a pool and more": Pooled,
    "by hand": ByHand,
    "by the batch": ByTheBatch,
    "another eps": OtherEps,
    "beside a loose one": Raw,
    "loose": lambda c, route: Loose(lambda y, route: batch_norm(y, *zeros_and_ones(y), route=route), route),
    "loose with an activation": lambda c, route: Loose(
        lambda y, route: batch_norm(y, *zeros_and_ones(y), activation="relu", route=route), route
    ),
    "loose sum": lambda c, route: Loose(lambda y, route: batch_norm_add(y, y, *zeros_and_ones(y), route=route), route),
    "loose pool": lambda c, route: Loose(lambda y, route: batch_norm_pool(y, *zeros_and_ones(y), route=route), route),
}


def net(norm, route, dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), NORMS[norm](4, route=route), nn.Conv2d(4, 2, 1))
    if hasattr(model[1], "running_mean"):
        model[1].running_mean.normal_()
        model[1].running_var.uniform_(0.5, 2.0)
    return model.to(dtype).eval()


WAYS = [
    *(
        (route, 15, layout, torch.float32)
        for route in ROUTES
        for layout in (torch.contiguous_format, torch.channels_last)
    ),
    *(("auto", size, torch.contiguous_format, torch.float32) for size in (15, 16, 17)),
    ("auto", 16, torch.channels_last, torch.float32),
    *(("auto", 16, torch.contiguous_format, dtype) for dtype in (torch.float64, torch.bfloat16)),
]
"""Route, size, layout and dtype."""


def conclusion(norm, route, size, layout, dtype):
    """What `trace` and `fold` say of a norm; None if the route cannot take it, which it says itself."""
    model = net(norm, route, dtype)
    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(dtype, memory_format=layout)
    try:
        before = model(x)
    except RuntimeError:
        return None
    wiring = trace(model, x)
    (seen,) = wiring.passes
    rows = [(part.name, part.kind) for part in wiring.parts(seen)]
    report = fold(model, x, verify=False)
    torch.testing.assert_close(model(x).double(), before.double(), rtol=0.1, atol=0.1)
    return rows, tuple(dict.fromkeys(wiring.links(seen))), report.norms, report.loose


@pytest.mark.parametrize("norm", NORMS)
def test_the_conclusion_depends_on_neither_route_nor_size_nor_layout_nor_dtype(norm, monkeypatch):
    monkeypatch.setattr(_pays, "FEWEST_EVALUATED", FEWEST)
    monkeypatch.setattr(_pays, "FEWEST_ROWS", FEWEST)
    found = {way: conclusion(norm, *way) for way in WAYS}
    first = found[WAYS[0]]
    assert first is not None
    assert {way: got for way, got in found.items() if got not in (None, first)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
def test_it_does_not_depend_on_the_sizes_at_which_the_kernels_pay(norm):
    sides = {int((fewest / 4) ** 0.5) for fewest in (_pays.FEWEST_ROWS, _pays.FEWEST_EVALUATED)}
    sizes = sorted({15, *sides, *(side + 1 for side in sides)})
    found = [
        conclusion(norm, "auto", size, layout, torch.float32)
        for size in sizes
        for layout in (torch.contiguous_format, torch.channels_last)
    ]
    assert all(one == found[0] for one in found)
