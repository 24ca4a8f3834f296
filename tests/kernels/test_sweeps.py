"""Do the sweeps over columns lose or repeat a value where rows, strips, lanes, tiles and blocks do not divide?

Every shape is (M, C). `lanes`, which the library chooses, are named where they say what a shape is there for.
"""

import pytest
import torch

from batchnorm.kernels import cpu
from batchnorm.kernels.cpu._cut import ColumnCut
from batchnorm.kernels.cpu.jit.sweeps import SPILL

from .cases import DTYPES, channels_last, excess, make_case, tensors

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = {
    "rows of one wide vector each": (333, 32, 64),
    "a last strip of one row": (2 * SPILL + 1, 512, 512),
    "strips shorter than two rows of 8 KiB": (19, 2048, 2048),
    "fewer rows than a strip": (3, 256, 256),
    "rows that begin within a cache line": (37, 1000, 1000),
    "wide lanes and then eights, in strips of seven rows": (410, 264, 264),
    "a tail of wide lanes, eights and seven values": (73, 7, 224),
    "nothing but a tail": (9, 5, 160),
    "a second tile that is narrower than wide lanes": (21, 2064, 2064),
    "tiles, none of which is whole rows": (17, 1001, 8008),
}
FAMILIES = ["relu", "add"]


def test_the_shapes_have_the_lanes_that_they_are_there_for():
    found = {name: ColumnCut(cpu.layout_of(torch.empty(m, c)), 4).lanes for name, (m, c, _) in SHAPES.items()}
    assert found == {name: lanes for name, (_, _, lanes) in SHAPES.items()}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", SHAPES)
def test_where_nothing_divides_errors_are_at_most_twice_natives(name, family, dtype):
    case = make_case(family, SHAPES[name][:2], dtype)
    assert excess(case) == {}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_what_lies_around_the_tensor_changes_nothing(name, dtype):
    """The sweeps ask for memory behind the tensor in advance; it may hold anything."""
    m, c, _ = SHAPES[name]
    case = make_case("relu", (m, c), dtype)
    room = torch.full((m + 64, c), float("nan"), dtype=dtype)
    room[32:-32] = case.x
    expected, found = tensors(case), tensors(case.over(x=room[32:-32]))
    assert [key for key, values in expected.items() if not torch.equal(values, found[key])] == []


@pytest.mark.parametrize("at", [1, 3, 5])
@pytest.mark.parametrize("c", [32, 33])
def test_a_tensor_may_begin_at_any_value(c, at):
    """An address that is a multiple of its type's size only: no vector in it is aligned."""
    case = make_case("relu", (50, c), torch.float32)
    room = torch.empty(50 * c + at)
    x = room[at:].view(50, c).copy_(case.x)
    expected, found = tensors(case), tensors(case.over(x=x))
    assert [key for key, values in expected.items() if not torch.equal(values, found[key])] == []


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_images_are_the_rows_of_their_pixels(dtype):
    rows = make_case("relu", (6 * 5 * 7, 24), dtype)
    images = rows.over(
        **{
            name: channels_last(getattr(rows, name).reshape(6, 5, 7, 24).movedim(-1, 1).contiguous())
            for name in ("x", "dy")
        }
    )
    expected, found = tensors(rows), tensors(images)
    for name in ("y", "dx"):
        found[name] = found[name].movedim(1, -1).reshape(-1, 24)
    assert [key for key, values in expected.items() if not torch.equal(values, found[key])] == []
