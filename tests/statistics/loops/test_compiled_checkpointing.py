"""Checkpointing and compilation: whichever is around the other, statistics move once for each batch."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import batchnorm.nn
from batchnorm.statistics import accumulate_statistics, checkpoint_safe, skip_nonfinite


def net(norm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), norm(4), nn.ReLU(), nn.Linear(4, 4), norm(4))


def compiled_inside(model, reentrant):
    compiled = torch.compile(model, backend="aot_eager")
    return lambda x: checkpoint(compiled, x, use_reentrant=reentrant)


def compiled_in_place(model, reentrant):
    model.compile(backend="aot_eager")
    return lambda x: checkpoint(model, x, use_reentrant=reentrant)


def compiled_around(model, reentrant):
    return torch.compile(lambda x: checkpoint(model, x, use_reentrant=reentrant), backend="aot_eager")


def batches(count=3):
    generator = torch.Generator().manual_seed(1)
    return [1 + 2 * torch.randn(8, 3, generator=generator) for _ in range(count)]


def buffers_after(model, forward):
    for x in batches():
        forward(x.clone().requires_grad_()).square().sum().backward()
    return [buffer.clone() for buffer in model.buffers()]


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's compiler looks at what it is given
@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("made", [compiled_inside, compiled_in_place, compiled_around])
@pytest.mark.parametrize("norm", [nn.BatchNorm1d, batchnorm.nn.BatchNorm1d])
def test_statistics_move_once(norm, made, reentrant):
    torch.compiler.reset()
    model, plain = net(norm), net(norm)
    checkpoint_safe(model)
    torch.testing.assert_close(buffers_after(model, made(model, reentrant)), buffers_after(plain, plain))


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, batchnorm.nn.BatchNorm1d])
def test_a_compiled_part_that_runs_again_is_no_call_of_a_window(norm):
    torch.compiler.reset()
    model, plain = net(norm), net(norm)
    checkpoint_safe(model)
    with accumulate_statistics(model, 2), skip_nonfinite(model):
        found = buffers_after(model, compiled_inside(model, reentrant=False))
    with accumulate_statistics(plain, 2):
        expected = buffers_after(plain, plain)
    torch.testing.assert_close(found, expected)
    assert model[1].num_batches_tracked == 2  # two of the three batches by now, and the third at the end
