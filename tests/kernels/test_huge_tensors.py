"""Do the kernels count beyond 2**31 values?"""

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm, batch_norm_pool

GIB = 1 << 30
NEEDED = 16 * GIB


def free_memory():
    """Bytes that could be had without swapping; None where the system does not say."""
    try:
        found = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


@pytest.fixture(autouse=True)
def _enough_memory():
    free = free_memory()
    if free is None or free < NEEDED:
        pytest.skip(f"needs {NEEDED // GIB} GiB of free memory, found {'no number' if free is None else free // GIB}")


PERIOD = 65521
"""A prime, so that no channel, row or block begins where another did."""


def pattern(first, count):
    """`count` values of the tensor in the order of memory: -4 to 4 in steps of 1/32, which bfloat16 has exactly."""
    return ((torch.arange(first, first + count) * 7919 % PERIOD % 257).float() - 128) / 32


def fill(x):
    """Write the pattern, for which `x` must be dense."""
    flat = x.as_strided((x.numel(),), (1,))
    whole = x.numel() // PERIOD
    flat[: whole * PERIOD].view(whole, PERIOD).copy_(pattern(0, PERIOD).expand(whole, PERIOD))
    flat[whole * PERIOD :].copy_(pattern(whole * PERIOD, x.numel() - whole * PERIOD))


def places(total):
    """Where to look: both ends, and both sides of 2**31 and of half of it, 4096 values each."""
    around = [at for middle in (1 << 30, 1 << 31) for at in (middle - 4096, middle)]
    return [0, *(at for at in around if at + 4096 <= total), total - 4096]


def statistics(channels):
    generator = torch.Generator().manual_seed(0)
    mean, weight, bias = (torch.randn(channels, generator=generator) for _ in range(3))
    return mean, torch.rand(channels, generator=generator) + 0.5, weight, bias


def expected(x, mean, var, weight, bias):
    """Batch norm and ReLU in float64; all arguments broadcast."""
    return F.relu((x.double() - mean) / torch.sqrt(var.double() + 1e-5) * weight + bias)


def assert_rounded_once(found, exact):
    torch.testing.assert_close(found.double(), exact, rtol=1.01 * 2**-8, atol=1e-5)


@pytest.mark.slow
def test_rows_beyond_2_to_31_values_are_right():
    n, channels, length = 2049, 16, 65544
    x = torch.empty(n, channels, length, dtype=torch.bfloat16)
    assert x.numel() > 1 << 31
    fill(x)
    parameters = statistics(channels)
    y = batch_norm(x, *parameters, activation="relu", route="fused").view(-1)
    for at in places(x.numel()):
        channel = torch.arange(at, at + 4096) // length % channels
        exact = expected(pattern(at, 4096), *(values[channel] for values in parameters))
        assert_rounded_once(y[at : at + 4096], exact)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [64, 13])
def test_columns_beyond_2_to_31_values_are_right(channels):
    x = torch.empty((1 << 31) // channels + 1001, channels, dtype=torch.bfloat16)
    assert x.numel() > 1 << 31
    fill(x)
    parameters = statistics(channels)
    y = batch_norm(x, *parameters, activation="relu", route="fused").view(-1)
    for at in places(x.numel()):
        channel = torch.arange(at, at + 4096) % channels
        exact = expected(pattern(at, 4096), *(values[channel] for values in parameters))
        assert_rounded_once(y[at : at + 4096], exact)


@pytest.mark.slow
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_pools_beyond_2_to_31_values_are_right(memory_format):
    n, channels, height, width = 34, 16, 2048, 2048
    x = torch.empty((n, channels, height, width), dtype=torch.bfloat16, memory_format=memory_format)
    assert x.numel() > 1 << 31
    fill(x)
    parameters = statistics(channels)
    y = batch_norm_pool(x, *parameters, route="fused")
    column = [values.reshape(-1, 1, 1) for values in parameters]
    for image in (0, 16, 31, 32, 33):  # image 32 begins at 2**31
        for rows in (slice(0, 4), slice(height - 4, height)):
            exact = F.max_pool2d(expected(x[image, :, rows], *column), 2)
            assert_rounded_once(y[image, :, rows.start // 2 : rows.stop // 2], exact)
