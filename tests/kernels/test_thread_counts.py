"""Are the results the same, to the bit, whatever the number of threads?"""

from contextlib import contextmanager

import pytest
import torch

from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _team
from batchnorm.kernels.cpu._cut import ColumnCut
from batchnorm.kernels.cpu._launch import Launch
from batchnorm.kernels.cpu._plan import plan_of
from batchnorm.kernels.cpu.jit.slots import TICKET, UNITS

from .cases import DTYPES, FAMILIES, make_case, tensors

SHAPES = {"(N, C)": (530, 65), "few long rows": (3, 2, 6001), "volumes": (3, 24, 9, 7, 10), "images": (6, 13, 23, 19)}
PLACES = [("(N, C)", "contiguous"), ("few long rows", "contiguous")]
PLACES += [(kind, layout) for kind in ("images", "volumes") for layout in ("contiguous", "channels_last")]
CASES = [
    (family, *place, dtype)
    for family in FAMILIES
    for place in PLACES
    for dtype in DTYPES
    if (family != "pool" or place[0] == "images") and (dtype is torch.float32 or family in ("silu", "add", "pool"))
]


@contextmanager
def threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def differences(case):
    """The names of what depends on the number of threads."""
    with threads(1):
        expected = tensors(case)
    found = set()
    for count in (2, 3, 16):
        with threads(count):
            found |= {name for name, values in tensors(case).items() if not torch.equal(values, expected[name])}
    return found


@pytest.mark.parametrize(("family", "kind", "layout", "dtype"), CASES, ids=str)
def test_any_number_of_threads_gives_the_same_bits(family, kind, layout, dtype):
    case = make_case(family, SHAPES[kind], dtype, layout=layout)
    assert case.x.numel() > cpu.SERIAL
    assert differences(case) == set()


@pytest.mark.parametrize("family", ["hardswish", "add", "pool"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_any_number_of_threads_gives_the_same_bits_in_evaluation(layout, family):
    assert differences(make_case(family, SHAPES["images"], torch.float32, layout=layout, training=False)) == set()


TILES = [(100, 1001), (31, 3069), (9, 20473)]
"""Rows of more than one tile of lanes, and a tail that ends before the last of them."""


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "pool"])
@pytest.mark.parametrize("shape", TILES, ids=str)
def test_tiles_behind_the_tail_touch_nothing_of_the_others(shape, family):
    case = make_case(family, shape, torch.float32)
    for _ in range(5):
        assert differences(case) == set()


@pytest.mark.parametrize("shape", TILES, ids=str)
def test_a_unit_behind_the_tail_writes_nothing(shape):
    x = torch.randn(shape)
    cut = ColumnCut(cpu.layout_of(x), x.element_size())
    launch = Launch(plan_of(x.shape, x.stride(), x.dtype, "moments"), x)
    empty = [unit for unit in range(cut.units) if unit // cut.tiles == cut.blocks - 1]
    empty = [unit for unit in empty if unit % cut.tiles * cut.tile >= cut.tail]
    (scratch,) = (kept for kept in launch.kept if kept is not x)
    scratch.fill_(7)
    launch.values[TICKET], launch.values[UNITS] = empty[0], empty[-1] + 1
    kernel = cpu.Kernel("columns", "sum_moments", "float32")
    _team.run_alone(cpu.address_of(kernel), launch.values.buffer_info()[0], 1)
    assert bool((scratch == 7).all())
    assert empty
