"""Calls of the kernels' routes: arguments from a seed, in any layout, and how far what comes out is from the oracle."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool

from .oracle import distance_to_kinks, oracle

ACTIVATIONS = ["identity", "relu", "relu6", "silu", "hardswish"]
FAMILIES = [*ACTIVATIONS, "add", "pool"]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
MARGIN = {torch.float32: 1e-4, torch.float64: 1e-10, torch.bfloat16: 2**-4}
"""So near to a jump of the derivative a rounding decides on which side it is: no gradient arrives there."""


@dataclass(frozen=True)
class Case:
    """The arguments of one call, and the gradient of its output."""

    family: str
    x: Tensor
    dy: Tensor
    residual: Tensor | None
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    training: bool = True
    eps: float = 1e-5
    momentum: float = 0.1

    @property
    def activation(self):
        return self.family if self.family in ACTIVATIONS else "relu"

    @property
    def pool(self):
        return self.family == "pool"

    def over(self, **fields):
        """The same with other fields."""
        return replace(self, **fields)


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def channels_last(t):
    return t.movedim(1, -1).contiguous().movedim(-1, 1)


def channel_slice(t):
    """In the middle of a tensor of more channels."""
    whole = torch.full((t.shape[0], t.shape[1] + 3, *t.shape[2:]), 7.0, dtype=t.dtype)
    whole[:, 2:-1] = t
    return whole[:, 2:-1]


def batch_slice(t):
    """Every second of a larger batch."""
    whole = torch.full((2 * t.shape[0], *t.shape[1:]), 7.0, dtype=t.dtype)
    whole[1::2] = t
    return whole[1::2]


LAYOUTS = {
    "contiguous": torch.Tensor.contiguous,
    "channels_last": channels_last,
    "channel slice": channel_slice,
    "batch slice": batch_slice,
}


def out_shape(family, shape):
    return (*shape[:2], shape[2] // 2, shape[3] // 2) if family == "pool" else shape


def make_case(family, shape, dtype, *, layout="contiguous", x=None, seed=0, affine=True, tracked=True, **options):
    """A case drawn from a seed, or with the given x; dy is 0 where the derivative jumps."""
    channels, place = shape[1], LAYOUTS[layout]
    parameters = torch.float64 if dtype is torch.float64 else torch.float32
    if x is None:
        offset = draw(channels, seed + 1).reshape(1, -1, *(1,) * (len(shape) - 2))
        x = 2 * draw(shape, seed) + 3 * offset
    case = Case(
        family,
        place(x.to(dtype)),
        place(draw(out_shape(family, shape), seed + 2).to(dtype)),
        place(draw(shape, seed + 3).to(dtype)) if family == "add" else None,
        draw(channels, seed + 4).to(parameters) if affine else None,
        draw(channels, seed + 5).to(parameters) if affine else None,
        draw(channels, seed + 6).to(parameters) if tracked else None,
        (draw(channels, seed + 7).abs() + 0.1).to(parameters) if tracked else None,
        **options,
    )
    near = torch.from_numpy(distance_to_kinks(case).astype(float)) < MARGIN[dtype]
    return case.over(dy=place(case.dy.masked_fill(near, 0)))


def output(case, x, residual, mean, var, weight, bias, **options):
    """Call the function of the case's family."""
    options = {"training": case.training, "eps": case.eps, "momentum": case.momentum} | options
    options["activation"] = None if case.activation == "identity" else case.activation
    if case.family == "add":
        return batch_norm_add(x, residual, mean, var, weight, bias, **options)
    function = batch_norm_pool if case.pool else batch_norm
    return function(x, mean, var, weight, bias, **options)


def tensors(case, route="fused"):
    """Everything that a call and its backward change or return, by name."""
    tensors = {"dx": case.x, "dresidual": case.residual, "dweight": case.weight, "dbias": case.bias}
    leaves = {name: None if t is None else t.detach().requires_grad_() for name, t in tensors.items()}
    mean, var = (None if t is None else t.clone() for t in (case.running_mean, case.running_var))
    y = output(case, leaves["dx"], leaves["dresidual"], mean, var, leaves["dweight"], leaves["dbias"], route=route)
    y.backward(case.dy)
    found = {"y": y.detach(), "running_mean": mean, "running_var": var}
    found |= {name: leaf.grad for name, leaf in leaves.items() if leaf is not None}
    return {name: t for name, t in found.items() if t is not None}


def errors(found, expected, least=1.0):
    """For every name the largest error, as a share of the largest value or of `least`."""
    shares = {}
    for name, values in found.items():
        exact = expected[name]
        assert values.shape == exact.shape, name
        distance = np.abs(values.double().numpy() - exact).max(initial=0)
        shares[name] = float(distance / max(least, np.abs(exact).max(initial=0)))
    return shares


def few(name, case):
    """Roundings that are granted where native's error is 0 by luck: 4, and 8 or more to sums, whose terms cancel."""
    return max(8, (case.x.numel() / case.x.shape[1]) ** 0.5 / 8) if name in ("dweight", "dbias") else 4


def excess(case, least=1.0, roundings=few):
    """What of the kernels' results errs more than twice as much as native's, or as a few roundings if that is more."""
    expected, eps = oracle(case), torch.finfo(case.x.dtype).eps
    ours, natives = (errors(tensors(case, route), expected, least) for route in ("fused", "native"))
    assert ours.keys() == natives.keys()
    granted = {name: 2 * max(error, roundings(name, case) * eps) for name, error in natives.items()}
    return {name: (error, granted[name]) for name, error in ours.items() if not error <= granted[name]}
