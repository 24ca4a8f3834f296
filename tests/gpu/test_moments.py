"""The kernel for moments on a GPU; tests/kernels/test_gpu_moments.py has it in an interpreter."""

import numpy as np
import pytest
import torch

from batchnorm.functional import exact_moments
from batchnorm.kernels import gpu as kernels

from ..kernels.test_gpu_moments import CASES, draw, oracle

LARGE = {
    "(128, 64, 56, 56)": ((128, 64, 56, 56), "contiguous", torch.float32),
    "(64, 2048, 7, 7)": ((64, 2048, 7, 7), "channels_last", torch.float16),
    "(2, 3, 1000, 1000)": ((2, 3, 1000, 1000), "contiguous", torch.bfloat16),
}


@pytest.mark.parametrize("case", [*CASES.values(), *LARGE.values()], ids=str)
def test_moments_are_those_of_float64_and_the_same_bits_every_time(gpu, case):
    x = draw(*case)
    expected_mean, expected_var = oracle(x)
    there = x.to(gpu)
    assert kernels.takes(there)
    found, again = exact_moments(there), kernels.exact_moments(there)
    np.testing.assert_allclose(found.mean.cpu(), expected_mean, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.var.cpu(), expected_var, rtol=1e-7, atol=1e-12)
    assert torch.equal(found.mean, again[0])
    assert torch.equal(found.var, again[1])


def test_a_tensor_that_no_kernel_takes_is_read_in_pieces(gpu):
    x = torch.randn(4, 3, 8, 9)
    there = x.to(gpu)[..., :8]
    assert not kernels.takes(there)
    np.testing.assert_allclose(exact_moments(there).var.cpu(), oracle(x[..., :8])[1], rtol=1e-12)
