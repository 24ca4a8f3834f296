"""What processes do when one of them does not come, what compilers make of a norm, and whole trainings."""

import copy
import os
import pickle
import time

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import batchnorm.nn as bn
from batchnorm import fold, recalibrate, trace
from batchnorm.statistics import accumulate_statistics, blended_statistics, no_statistics_update, use_batch_statistics

from .cases import shard
from .conduct import DY, X, mine
from .processes import raised

LATE = 8
"""Seconds after which the others have given up."""


def left(rank, size, when):
    """The last process dies, or comes late: how long the others waited, and what they were told, twice."""
    layer = bn.SyncBatchNorm(4)
    for _ in range(3):
        layer(torch.randn(3, 4, requires_grad=True)).sum().backward()
    y = layer(torch.randn(3, 4, requires_grad=True)) if when == "backward" else None
    start = time.monotonic()
    if rank == size - 1:
        if when != "late":
            os._exit(9)
        time.sleep(LATE)
    said = raised(layer, torch.randn(3, 4)) if y is None else raised(y.sum().backward)
    return said, time.monotonic() - start, raised(layer, torch.randn(3, 4))


def net():
    torch.manual_seed(0)
    first = bn.SyncBatchNorm(8, activation="relu"), bn.SyncBatchNorm(4)
    return nn.Sequential(
        nn.Conv2d(4, 8, 2), first[0], nn.Conv2d(8, 4, 1), first[1], nn.Flatten(), nn.Linear(16, 1)
    ).double()


def one_process_net():
    torch.manual_seed(0)
    first = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU()), nn.BatchNorm2d(4)
    return nn.Sequential(
        nn.Conv2d(4, 8, 2), first[0], nn.Conv2d(8, 4, 1), first[1], nn.Flatten(), nn.Linear(16, 1)
    ).double()


def trained(model, batches, weight):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for x in batches:
        loss = model(x).square().sum() * weight / 7
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def batches():
    return [X + step for step in range(4)]


def in_ddp(rank, size, shards, compiled):
    model = net()
    parallel = DistributedDataParallel(model)
    run = torch.compile(parallel) if compiled else parallel
    return trained(run, [shard(x, shards, rank) for x in batches()], size), model.state_dict()


def compiled(rank, size, backend, route, dynamic):
    """How far compiled norms are from those that are not, after two steps, one of other sizes."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), bn.SyncBatchNorm(4, activation="relu", route=route), bn.SyncBatchNorm(4))
    model = model.double()
    other = torch.compile(copy.deepcopy(model), backend=backend, fullgraph=True, dynamic=dynamic)
    found = [stepped(one, rank) for one in (model, other)]
    return max(float((a - b).abs().max()) for a, b in zip(*found, strict=True))


def stepped(model, rank):
    """Output, gradients and buffers after two steps."""
    for times in (1, 2):
        x = mine(X, rank).repeat(times, 1, 1, 1).requires_grad_()
        y = model(x)
        y.backward(mine(DY, rank).repeat(times, 1, 1, 1))
    return [y.detach(), x.grad, *(p.grad for p in model.parameters()), *(b.double() for b in model.buffers())]


def many_compiled(rank, size):
    """Each of more layers than torch compiles one function for by itself."""
    layers = [bn.SyncBatchNorm(4, dtype=torch.float64) for _ in range(12)]
    outputs = [torch.compile(layer, backend="aot_eager", fullgraph=True)(mine(X, rank)) for layer in layers]
    return [float(y.detach().sum()) for y in outputs]


def in_a_group(rank, size):
    """The first two of three; the third is refused where it makes a layer."""
    group = dist.new_group([0, 1])
    said = raised(bn.SyncBatchNorm, 1, process_group=group)
    if said:
        return said
    layer = bn.SyncBatchNorm(1, affine=False, process_group=group)
    twin = copy.deepcopy(layer)
    x = torch.full((2, 1), float(rank))
    return twin(x), twin.process_group is group, str(layer), raised(pickle.dumps, layer)


def policies(rank, size):
    layer = bn.SyncBatchNorm(4, dtype=torch.float64)
    with no_statistics_update(layer):
        layer(mine(X, rank))
    kept = copy.deepcopy(layer.state_dict())
    with accumulate_statistics(layer, 2):
        layer(mine(X, rank))
        layer(mine(X, rank) * 3)
    return kept, layer.state_dict()


def by_oneself(rank, size):
    """What the first process does alone between two calls of both; what came of it, and the next call of both."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), bn.SyncBatchNorm(4, activation="relu")).double()
    model(mine(X, rank))
    kept, found = model[1].moments, {}
    if rank == 0:
        found["trace"] = str(trace(model, X)).splitlines()[0]
        with use_batch_statistics(model):
            found["batch"] = model(X).detach()
        with blended_statistics(model, 0.5):
            model.eval()(X)
        fold(copy.deepcopy(model.eval()), X)
        model.train()
        found["same"] = model[1].moments is kept
    return found, model(mine(X, rank)).detach()


def recalibrated(rank, size):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), bn.SyncBatchNorm(4), nn.Conv2d(4, 4, 1), bn.SyncBatchNorm(4)).double()
    recalibrate(model, [mine(X, rank)], method="exact")
    return dict(model.state_dict())


def recalibrated_whole():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).double()
    recalibrate(model, [X], method="exact")
    return dict(model.state_dict())
