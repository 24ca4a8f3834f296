"""What processes do besides one forward and one backward: each is asked of two, with 5 and 2 samples."""

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.checkpoint import checkpoint

import batchnorm.nn as bn
from batchnorm.functional import Source, batch_norm
from batchnorm.functional._messages import _FIRST

from .processes import raised

SHARDS = (5, 2)


def draw(*sizes, seed=0):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, DY = draw(7, 4, 3, 3) * 2 + 1, draw(7, 4, 3, 3, seed=1)


def mine(values, rank):
    return values.split(SHARDS)[rank].clone()


def gradient_of_gradient(rank, size, route):
    """Of the sum of all processes' squared gradients, by x."""
    return doubled(bn.SyncBatchNorm(4, route=route, dtype=torch.float64), mine(X, rank), mine(DY, rank))


def doubled(layer, x, dy):
    x.requires_grad_()
    (gradient,) = torch.autograd.grad((layer(x) * dy).sum(), x, create_graph=True)
    (found,) = torch.autograd.grad(gradient.square().sum(), x)
    return found


def backward_twice(rank, size, route):
    layer, x = bn.SyncBatchNorm(4, route=route, dtype=torch.float64), mine(X, rank).requires_grad_()
    loss = (layer(x) * mine(DY, rank)).sum()
    loss.backward(retain_graph=True)
    first = x.grad.clone()
    loss.backward()
    return first, x.grad


def recomputed(rank, size, route, kind):
    """Gradient and statistics with activation checkpointing, or without."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(4, 4, 1), bn.SyncBatchNorm(4, route=route)).double()
    x = mine(X, rank).requires_grad_()
    y = net(x) if kind is None else checkpoint(net, x, use_reentrant=kind == "reentrant")
    y.backward(mine(DY, rank))
    return x.grad, net[1].running_var.clone(), net[1].num_batches_tracked.clone()


def without_gradients(rank, size):
    """A forward in training of which nobody wants a gradient; whether the output requires one."""
    layer = bn.SyncBatchNorm(4, affine=False, dtype=torch.float64)
    with torch.no_grad():
        quiet = layer(mine(X, rank).requires_grad_()).requires_grad
    return quiet, layer(mine(X, rank)).requires_grad, layer.running_mean.clone()


def asked_by_one(rank, size, route, empty):
    """Only the first process's x requires a gradient; the other's may be empty."""
    layer = bn.SyncBatchNorm(4, affine=False, route=route, dtype=torch.float64)
    x = X[:0].clone() if empty and rank else mine(X, rank)
    x.requires_grad_(rank == 0)
    y = layer(x)
    (y * mine(DY, rank)[: len(x)]).sum().backward()
    return x.grad


def grad_mode_of_one(rank, size):
    layer = bn.SyncBatchNorm(4, dtype=torch.float64)
    with torch.set_grad_enabled(rank == 0):
        said = raised(layer, mine(X, rank).requires_grad_())
    return said, layer(mine(X, rank)).shape  # the group still works


def in_different_norms(rank, size):
    small, large = bn.SyncBatchNorm(4), bn.SyncBatchNorm(700)
    small(torch.randn(3, 4))
    large(torch.randn(3, 700))
    return raised(small, torch.randn(3, 4)) if rank == 0 else raised(large, torch.randn(3, 700))


def in_norms_of_the_same_size(rank, size):
    layers = [bn.SyncBatchNorm(4), bn.SyncBatchNorm(4)]
    for layer in layers:
        layer(torch.randn(3, 4))
    return raised(layers[rank], torch.randn(3, 4))


def with_other_channels(rank, size):
    return raised(bn.SyncBatchNorm(3 + rank), torch.randn(3, 3 + rank))


def one_goes_back(rank, size):
    layer = bn.SyncBatchNorm(4)
    y = layer(torch.randn(3, 4, requires_grad=True))
    return raised(y.sum().backward) if rank == 0 else raised(layer, torch.randn(3, 4))


def one_sends_something_else(rank, size):
    """Of the size of a message of ours, so that no process is aborted by gloo."""
    layer = bn.SyncBatchNorm(4)
    layer(torch.randn(3, 4))
    if rank:
        return raised(layer, torch.randn(3, 4))
    sent = torch.full((_FIRST,), torch.nan, dtype=torch.float64)
    dist.all_gather([torch.empty_like(sent) for _ in range(size)], sent)
    return ""


def one_value_in_all(rank, size):
    layer = bn.SyncBatchNorm(4)
    return raised(layer, torch.randn(1 - rank, 4)), layer.num_batches_tracked.item()


def one_value_each(rank, size):
    layer = bn.SyncBatchNorm(1, affine=False, dtype=torch.float64)
    return layer(torch.full((1, 1), 2.0 * rank, dtype=torch.float64)), layer.running_var


def nothing_in_all(rank, size):
    layer = bn.SyncBatchNorm(4, momentum=1.0)
    x = torch.randn(0, 4, 2, requires_grad=True)
    layer(x).sum().backward()
    return x.grad.shape, layer.running_mean.clone(), layer.weight.grad


def kinds_of_numbers(rank, size, route):
    """Half types, autocast, and the order in memory."""
    found = {}
    for dtype in (torch.bfloat16, torch.float16):
        layer, x = bn.SyncBatchNorm(4, route=route), mine(X, rank).to(dtype).requires_grad_()
        y = layer(x)
        y.backward(mine(DY, rank).to(dtype))
        found[dtype] = y.detach(), x.grad, layer.running_mean.clone()
    layer = bn.SyncBatchNorm(4, route=route)
    last = layer(mine(X, rank).float().to(memory_format=torch.channels_last))
    found["channels_last"] = last.is_contiguous(memory_format=torch.channels_last)
    return found


def in_channels_last(rank, size, route):
    layer = bn.SyncBatchNorm(4, route=route, activation="silu", dtype=torch.float64)
    x = mine(X, rank).to(memory_format=torch.channels_last).requires_grad_()
    y = layer(x)
    y.backward(mine(DY, rank))
    return y.detach(), x.grad


def by_state(rank, size):
    """A layer that averages all batches, and one without statistics, in training and in evaluation."""
    average = bn.SyncBatchNorm(4, momentum=None, dtype=torch.float64)
    average(mine(X, rank))
    average(mine(X, rank) * 3)
    without = bn.SyncBatchNorm(4, affine=False, track_running_stats=False, dtype=torch.float64)
    return average.running_mean, without(mine(X, rank)), without.eval()(mine(X, rank))


def in_evaluation_of_one(rank, size):
    """Nothing is sent, so that one may do it alone."""
    layer = bn.SyncBatchNorm(4, affine=False, dtype=torch.float64)
    layer(mine(X, rank))
    return layer.eval()(X) if rank == 0 else None


def under_autocast(rank, size):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(4, 4, 1), bn.SyncBatchNorm(4))
    with torch.autocast("cpu", torch.bfloat16):
        y = net(mine(X, rank).float())
    y.float().square().sum().backward()
    return y.dtype, net[0].weight.grad.isfinite().all().item()


def other_dtypes(rank, size):
    """float32 on one process, float64 on the other."""
    dtype = (torch.float32, torch.float64)[rank]
    return bn.SyncBatchNorm(4, affine=False, dtype=dtype)(mine(X, rank).to(dtype)).double()


class Both(Source):
    """Batch norm whose statistics see twice the variance: what a source of somebody's own makes of all values."""

    def gathered(self, own):
        return bn.Sync().gathered(own)

    def tracked(self, own):
        return own._replace(var=own.var * 2)


def own_source(rank, size, route):
    mean, var = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    y = batch_norm(mine(X, rank), mean, var, training=True, momentum=1.0, moments=Both(), route=route)
    return y, var


def masked_places(rank, size):
    """A source of somebody's own that takes a mask, too."""

    class MaskedSync(bn.Masked):
        def gathered(self, own):
            return bn.Sync().gathered(own)

    mask = mine(X[:, 0] > 0, rank)
    return batch_norm(mine(X, rank), None, None, training=True, moments=MaskedSync(), mask=mask)


def transformed(rank, size):
    """What is said inside of transforms and in forward mode."""

    def loss(x):
        return batch_norm(x, None, None, training=True, moments="sync").sum()

    def forward_mode(x):
        with torch.autograd.forward_ad.dual_level():
            loss(torch.autograd.forward_ad.make_dual(x, x))

    calls = torch.func.grad(loss), lambda x: torch.func.jvp(loss, (x,), (x,)), forward_mode
    return [raised(call, mine(X, rank)) for call in calls]


def in_slices(rank, size):
    class GhostSync(bn.Ghost):
        def gathered(self, own):
            return bn.Sync().gathered(own)

    return raised(batch_norm, mine(X, rank), None, None, training=True, moments=GhostSync(1))
