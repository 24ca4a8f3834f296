"""Does a source stand between a GPU's sweeps as between those of the CPU? Here by replicas of torch's operators."""

import pytest
import torch

from batchnorm.functional import Blend, Population, Renorm, batch_norm
from batchnorm.functional._arguments import Arguments
from batchnorm.functional._between import by_kernels
from batchnorm.kernels import gpu

from ...kernels.synchronized import OPERATORS

SOURCES = [Renorm(1.5, 0.5, warmup=0), Renorm(3.0, 5.0, warmup=100), Population(), Blend(0.3)]


@pytest.fixture(autouse=True)
def _replicas(monkeypatch):
    for operator in OPERATORS:
        monkeypatch.setattr(torch, operator.__name__, operator)


def draw(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made():
    """x, running_mean, running_var, weight, bias, and the counter, of one seed."""
    x, weight, bias = (draw(*shape, seed=seed).requires_grad_() for seed, shape in enumerate([(6, 3, 4), (3,), (3,)]))
    return x, draw(3, seed=3), draw(3, seed=4).abs() + 0.5, weight, bias, torch.tensor(40)


def results(y, given):
    x, mean, var, weight, bias, _ = given
    leaves, dy = (x, weight, bias), draw(*y.shape, seed=9)
    by_sweeps = torch.autograd.grad(y, leaves, dy, retain_graph=True)
    written_out = torch.autograd.grad(y, leaves, dy, create_graph=True)
    again = torch.autograd.grad(sum(one.square().sum() for one in written_out), (x, weight))
    return y, *by_sweeps, *written_out, *again, mean, var


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_output_gradients_and_statistics_are_those_of_the_definition(source):
    training = not isinstance(source, Blend)
    given = made()
    *tensors, tracked = given
    arguments = Arguments(*tensors, training, 0.1, 1e-5, None, None, None, source, None, tracked)
    found = results(by_kernels(arguments, source, gpu), given)
    expected = made()
    *tensors, tracked = expected
    y = batch_norm(*tensors, training, moments=source, num_batches_tracked=tracked, route="composed")
    for one, other in zip(found, results(y, expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
