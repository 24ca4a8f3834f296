"""One batch, cut into shards: what each process computes of its own, and what the whole must give."""

from itertools import product

import numpy as np
import torch

from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool

from ..batch_norm_cases import make_case, run
from ..sources.oracle import expected

SHARDS = {2: [(5, 2)], 3: [(3, 0, 4)], 4: [(2, 3, 2, 0)]}
"""How many of 7 samples each process has."""
MORE_SHARDS = {2: [(0, 7), (6, 1)], 3: [(2, 3, 2), (0, 0, 7)], 4: [(1, 1, 1, 4), (0, 7, 0, 0)]}
SHAPES = [(7, 4), (7, 3, 5), (7, 3, 4, 5), (7, 2, 2, 3, 4)]
WAYS = ["auto", "composed", "native", "fused"]
BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-12}
CASES = list(product(SHAPES, WAYS, BOUNDS))
WIDE = (7, 600, 2)
"""More channels than one message holds."""


def shard(values, shards, rank):
    return values.split(shards)[rank].clone()


def computed(rank, size, shards, shape, route, dtype, parameters=(True, True), device="cpu"):
    """What one process's share gives and gets, by name."""
    weight, bias = parameters
    (x, *others), dy = make_case(shape, dtype=dtype, weight=weight, bias=bias)
    mine = [shard(x, shards, rank), *others]
    return run(on(device), mine, shard(dy, shards, rank), training=True, moments="sync", route=route)


def on(device):
    """The function, computed on a device, of tensors on the CPU."""

    def function(x, mean, var, *parameters, **options):
        there = [None if one is None else one.to(device) for one in (x, mean, var, *parameters)]
        y = batch_norm(*there, **options)
        mean.copy_(there[1])
        var.copy_(there[2])
        return y.cpu()

    return function


def all_computed(rank, size, shards, cases):
    return {case: computed(rank, size, shards, *case) for case in cases}


def put_together(answers):
    """What the shares are as a whole: what is by sample one after the other, what is by channel summed."""
    whole = {name: np.concatenate([one[name] for one in answers]) for name in ("y", "dx")}
    whole |= {name: sum(one[name] for one in answers) for name in ("dweight", "dbias") if name in answers[0]}
    return whole | {name: answers[0][name] for name in ("running_mean", "running_var") if name in answers[0]}


def wanted(shape, route, dtype, parameters=(True, True)):
    """The same by the formula, of the whole batch in float64."""
    weight, bias = parameters
    arguments, dy = make_case(shape, dtype=dtype, weight=weight, bias=bias)
    return expected("batch", arguments, dy, training=True)


def finished(rank, size, shards, step, route):
    """A residual or a pool behind the norm: the output, and the gradients of x and of the residual."""
    (x, mean, var, weight, bias), _ = make_case((7, 3, 4, 6), dtype=torch.float64)
    residual = torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    x, residual = (shard(one, shards, rank).requires_grad_() for one in (x, residual))
    options = {"training": True, "moments": "sync", "route": route, "activation": "relu"}
    if step == "add":
        y = batch_norm_add(x, residual, mean, var, weight, bias, **options)
    else:
        y = batch_norm_pool(x, mean, var, weight, bias, kernel_size=2, **options)
    y.square().sum().backward()
    return {"y": y.detach(), "dx": x.grad, "dresidual": residual.grad}


def finished_whole(step):
    """The same of the whole batch, by torch's own operators."""
    (x, _, _, weight, bias), _ = make_case((7, 3, 4, 6), dtype=torch.float64)
    residual = torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    x, residual = x.requires_grad_(), residual.requires_grad_()
    y = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True)
    y = (y + residual).relu() if step == "add" else torch.nn.functional.max_pool2d(y.relu(), 2)
    y.square().sum().backward()
    return {"y": y.detach(), "dx": x.grad, "dresidual": residual.grad}
