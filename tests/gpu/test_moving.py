"""What keeps statistics still on a GPU: the same numbers as on a CPU, and no waiting for the device."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import batchnorm.nn as bn
from batchnorm.statistics import (
    accumulate_statistics,
    blended_statistics,
    checkpoint_safe,
    no_statistics_update,
    skip_nonfinite,
)

NORMS = {"torch": nn.BatchNorm2d, "ours": bn.BatchNorm2d}
CONTEXTS = {
    "no update": no_statistics_update,
    "skip": skip_nonfinite,
    "accumulate": lambda model: accumulate_statistics(model, 2),
    "blend": lambda model: blended_statistics(model, 0.3),
}


def net(norm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), NORMS[norm](4), nn.ReLU(), nn.Conv2d(4, 4, 3), NORMS[norm](4))


def batches():
    generator = torch.Generator().manual_seed(1)
    return [1 + 2 * torch.randn(8, 3, 8, 8, generator=generator) for _ in range(3)]


def step(model, x):
    model(x).square().mean().backward()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", CONTEXTS)
def test_a_block_does_what_it_does_on_a_cpu_and_waits_for_nothing(gpu, name, norm):
    model = net(norm).train(name != "blend")
    there = copy.deepcopy(model).to(gpu)
    images = [x.to(gpu) for x in batches()]
    step(there, images[0]), step(model, batches()[0])  # what torch finds out once, it may wait for
    torch.cuda.set_sync_debug_mode("error")
    try:
        with CONTEXTS[name](there):
            for x in images:
                step(there, x)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    with CONTEXTS[name](model):
        for x in batches():
            step(model, x)
    for found, expected in zip(there.buffers(), model.buffers(), strict=True):
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_checkpointing_moves_statistics_once_in_the_threads_of_the_gpus_backward(gpu, norm, reentrant):
    model = net(norm).to(gpu)
    plain = copy.deepcopy(model)
    checkpoint_safe(model)
    for x in [x.to(gpu).requires_grad_() for x in batches()]:
        step(lambda x: checkpoint(model, x, use_reentrant=reentrant), x)
        step(plain, x)
    for found, expected in zip(model.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(found, expected)
