"""Layers with a source of moments, and what each must give: the definition in float64, and the steps behind it."""

from functools import cache

import torch
import torch.nn.functional as F

import batchnorm.nn as bn

from ...functional.sources.oracle import expected, expected_masked

KINDS = {
    "1d (N, C)": (bn.BatchNorm1d, (9, 3)),
    "1d": (bn.BatchNorm1d, (5, 3, 4)),
    "2d": (bn.BatchNorm2d, (5, 3, 4, 5)),
    "3d": (bn.BatchNorm3d, (5, 3, 2, 3, 2)),
    "lazy 1d": (bn.LazyBatchNorm1d, (5, 3, 4)),
    "lazy 2d": (bn.LazyBatchNorm2d, (5, 3, 4, 5)),
    "lazy 3d": (bn.LazyBatchNorm3d, (5, 3, 2, 3, 2)),
    "add": (bn.BatchNormAdd2d, (5, 3, 4, 5)),
    "pool": (bn.BatchNormPool2d, (5, 3, 4, 6)),
}
GHOSTS = {1: bn.GhostBatchNorm1d, 2: bn.GhostBatchNorm2d, 3: bn.GhostBatchNorm3d}
FILLS = {"masked": 0.0, "masked:-2": -2.0, "masked:none": None}
MASKED = [*FILLS]
SOURCES = [
    "batch",
    "ghost:2",
    "ghost:4",
    "renorm:2,1,10",
    "population",
    "population:none",
    "blend:0.25",
    "sync",
    *MASKED,
]
UPDATES = 4
"""Of a warm-up of 10."""
DY = 7
"""The seed of the gradient."""


def takes(kind, source):
    """Whether a kind of layer takes a source: with a residual or a pool there is no mask."""
    return kind not in ("add", "pool") or source not in MASKED


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fill(layer):
    """Parameters and statistics that are not the first ones."""
    with torch.no_grad():
        for seed, (name, values) in enumerate(layer.state_dict().items()):
            if name.endswith("num_batches_tracked"):
                values.fill_(UPDATES)
            elif not name.startswith("activation"):
                drawn = draw(*values.shape, seed=seed)
                values.copy_(drawn.abs() + 0.1 if "var" in name else drawn)
    return layer


def build(kind, source, *, dtype=torch.float64, **options):
    """A layer of a kind that has seen some batches."""
    make, shape = KINDS[kind]
    channels = () if kind.startswith("lazy") else (3,)
    layer = make(*channels, dtype=dtype, moments=source, **options)
    if kind.startswith("lazy"):
        layer.eval()(draw(*shape).to(dtype), *inputs(kind, source)[1:])
    return fill(layer.train()), shape


def inputs(kind, source):
    """What a call of the layer takes: x, and a residual or a mask."""
    shape = KINDS[kind][1]
    x = draw(*shape, seed=5) * 2 + 1
    if kind == "add":
        return x, draw(*shape, seed=6)
    return (x, mask_of(shape)) if source in MASKED else (x,)


def mask_of(shape):
    """Some padding in every sample that has places, and whole samples where it has none."""
    return (torch.arange(draw(shape[0], *shape[2:]).numel()) % 5 != 1).view(shape[0], *shape[2:])


STEPS = {
    "None": lambda y: y,
    "relu": F.relu,
    "silu": F.silu,
    "module": lambda y: torch.where(y > 0, y, 0.3 * y),
    "function": torch.tanh,
}
"""Activations, and what they compute."""


class Call:
    """A layer's call and its backward: everything that they give or change, by name."""

    def __init__(self, layer, given, run=None):
        self.x = given[0].clone().requires_grad_()
        rest = [one.clone().requires_grad_() if one.is_floating_point() else one for one in given[1:]]
        self.y = (layer if run is None else run)(self.x, *rest)
        self.y.backward(draw(*self.y.shape, seed=DY).to(self.y.dtype))
        self.found = {"y": self.y.detach(), "dx": self.x.grad}
        self.found |= {f"d{name}": p.grad for name, p in layer.named_parameters(recurse=False)}
        self.found |= {f"d{one.shape}": one.grad for one in rest if one.is_floating_point()}
        self.found |= {name: values.clone() for name, values in layer.named_buffers()}


def behind(activation, kind, given):
    """The steps behind the norm, as a function of what it gives."""
    steps = STEPS[activation]
    if kind == "add":
        return lambda y: steps(y + given[1])
    if kind == "pool":
        return lambda y: F.max_pool2d(steps(y), 2)
    return steps


@cache
def defined(kind, source, activation, training):
    """The same by the formulas: the norm from the oracle, and autograd for the steps behind it."""
    layer, given = build(kind.removeprefix("lazy "), source)[0], inputs(kind, source)
    arguments = [given[0], layer.running_mean, layer.running_var, layer.weight, layer.bias]

    def norm(dy):
        copies = [values.detach().clone() for values in arguments]
        if source in MASKED:
            return expected_masked(given[1], FILLS[source], copies, dy, training=training)
        return expected(source, copies, dy, training=training, tracked=UPDATES)

    y = torch.from_numpy(norm(torch.zeros_like(given[0])).y).requires_grad_()
    out = behind(activation, kind, given)(y)
    if source in MASKED:
        padding = given[0] if FILLS[source] is None else torch.tensor(FILLS[source], dtype=y.dtype)
        out = torch.where(given[1].reshape(len(y), 1, *y.shape[2:]), out, padding)
    (inner,) = torch.autograd.grad(out, y, draw(*out.shape, seed=DY))
    found = norm(inner)
    named = {name: getattr(found, name) for name in ("dx", "dweight", "dbias", "running_mean", "running_var")}
    return {"y": out.detach()} | {name: torch.from_numpy(values) for name, values in named.items()}
