"""Do the kernels err at most twice as much as torch where blocks, tiles, tails, groups and spills are crossed?"""

import pytest
import torch

from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _launch
from batchnorm.kernels.cpu.jit.slots import STREAM

from .cases import DTYPES, FAMILIES, excess, make_case, tensors

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGES = (8, 40, 37, 41)
"""Odd height and width, rows of 1517 values, five vectors of channels."""
ROWS = [(300, 65, 2), (40, 65, 7), (16, 33, 49), (3, 5, 4097), (2, 3, 9000), (3, 700, 7)]
"""Lengths below a vector, below and above the block that sums are made of; groups of channels and one left over."""
COLUMNS = [
    (5000, 1),
    (900, 3),
    (700, 13),
    (3000, 64),
    (200, 65),
    (130, 100),
    (60, 520),
    (9, 520),
    (24, 2100),
    (3, 2100),
]
"""Lanes of one channel and shared ones, one tile and more, several blocks, tails shorter and longer than a tile."""


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_errors_over_large_images_are_at_most_twice_natives(family, layout, training):
    case = make_case(family, IMAGES, torch.float32, layout=layout, training=training)
    assert case.x.numel() > 4 * cpu.SERIAL
    assert excess(case) == {}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", ["hardswish", "add", "pool"])
def test_errors_over_large_images_of_other_types_are_at_most_twice_natives(family, layout, dtype):
    assert excess(make_case(family, IMAGES, dtype, layout=layout)) == {}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("family", ["silu", "add"])
@pytest.mark.parametrize("shape", ROWS, ids=str)
def test_errors_over_rows_of_any_length_are_at_most_twice_natives(shape, family, dtype):
    assert excess(make_case(family, shape, dtype)) == {}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("family", ["silu", "add"])
@pytest.mark.parametrize("shape", COLUMNS, ids=str)
def test_errors_over_any_number_of_columns_are_at_most_twice_natives(shape, family, dtype):
    assert excess(make_case(family, shape, dtype)) == {}


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("channels", [1, 3, 13, 64, 65, 520])
def test_errors_of_pools_over_any_number_of_channels_are_at_most_twice_natives(channels, layout):
    assert excess(make_case("pool", (4, channels, 13, 37), torch.float32, layout=layout)) == {}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", ["relu", "add"])
def test_outputs_that_go_past_the_caches_have_the_same_bits(family, layout, dtype, monkeypatch):
    case, streamed = make_case(family, (4, 13, 24, 21), dtype, layout=layout), []
    expected = tensors(case)
    run = _launch.Launch.run

    def spy(launch, *outputs, **options):
        run(launch, *outputs, **options)
        streamed.append(launch.values[STREAM])

    monkeypatch.setattr(_launch.Launch, "run", spy)
    monkeypatch.setattr(_launch, "STREAMED", 0)
    found = tensors(case)
    assert streamed == [1, 1]  # forward and backward
    assert all(torch.equal(found[name], expected[name]) for name in expected)
