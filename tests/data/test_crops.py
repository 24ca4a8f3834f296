import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.data import Crops, Part, central_box

sides = st.integers(1, 400)
sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))


def drawn(count: int, smallest: float = 0.35, seed: int = 0, part: Part | None = None) -> Crops:
    return Crops.drawn(count, smallest, torch.Generator().manual_seed(seed), part)


def is_inside(box: tuple[int, int, int, int], height: int, width: int) -> bool:
    left, top, right, bottom = box
    return 0 <= left < right <= width and 0 <= top < bottom <= height


@given(sides, sides, sizes)
@settings(derandomize=True, deadline=None)
def test_the_central_box_is_the_largest_of_its_shape_in_the_middle(height, width, size):
    box = central_box(height, width, size)
    left, top, right, bottom = box
    assert is_inside(box, height, width)
    assert abs(left - (width - right)) <= 1
    assert abs(top - (height - bottom)) <= 1
    assert right - left == width or bottom - top == height
    # The other side follows from the shape, to a pixel; it never is less than one.
    scale = min(height / size[0], width / size[1])
    assert abs((bottom - top) - max(1, scale * size[0])) <= 1
    assert abs((right - left) - max(1, scale * size[1])) <= 1


@given(sizes)
@settings(derandomize=True, deadline=None)
def test_the_central_box_of_an_image_of_the_nets_size_is_all_of_it(size):
    assert central_box(*size, size) == (0, 0, size[1], size[0])


@given(sides, sides, sizes, st.floats(0.01, 1), st.integers(0, 10_000))
@settings(derandomize=True, deadline=None)
def test_every_crop_lies_inside_its_image(height, width, size, smallest, seed):
    assert is_inside(drawn(1, smallest, seed).box(0, height, width, size), height, width)


def test_a_crop_has_the_share_and_the_shape_that_were_drawn_for_it():
    size, smallest = (48, 96), 0.2
    crops = drawn(500, smallest)
    for row in range(500):
        left, top, right, bottom = crops.box(row, 3000, 6000, size)
        share = (right - left) * (bottom - top) / (3000 * 6000)
        shape = (right - left) / (bottom - top) / (size[1] / size[0])
        assert smallest - 0.001 < share <= 1
        assert 0.749 < shape < 1.335


def test_shares_and_logarithms_of_shapes_are_uniform():
    crops = drawn(20_000, 0.2)
    shares, logs = crops.shares[:, 0], crops.ratios[:, 0].log()
    for values, low, high in ((shares, 0.2, 1.0), (logs, math.log(3 / 4), math.log(4 / 3))):
        scaled = (values - low) / (high - low)
        found = torch.histc(scaled, 10, 0, 1)
        assert float(found.sum()) == 20_000
        assert ((found - 2_000).abs() < 5 * math.sqrt(1_800)).all()  # five standard deviations of the binomial


def test_every_place_of_a_crop_is_equally_likely():
    one = torch.ones(2_000, 10, dtype=torch.float64)
    crops = Crops(0.25 * one, one, drawn(2_000).places)
    found = torch.zeros(4, 4)
    for row in range(2_000):
        left, top, right, bottom = crops.box(row, 6, 6, (5, 5))
        assert (right - left, bottom - top) == (3, 3)
        found[top, left] += 1
    assert ((found - 125).abs() < 5 * math.sqrt(125)).all()


@pytest.mark.parametrize(("height", "width"), [(300, 400), (400, 300), (50, 50), (40, 400), (400, 40), (1, 7)])
def test_a_crops_size_is_that_of_torchvision_by_the_same_numbers(peers, height: int, width: int):
    transforms = peers.load("torchvision.transforms")
    image, scale, ratio = torch.zeros(1, height, width), (0.3, 1.0), (3 / 4, 4 / 3)
    for seed in range(40):
        torch.manual_seed(seed)
        _, _, high, wide = transforms.RandomResizedCrop.get_params(image, scale, ratio)
        torch.manual_seed(seed)
        shares, ratios = torch.empty(2, 1, 10)
        for attempt in range(10):  # torchvision draws them in this order
            shares[0, attempt] = torch.empty(1).uniform_(*scale)
            ratios[0, attempt] = torch.exp(torch.empty(1).uniform_(*map(math.log, ratio)))
        crops = Crops(shares.double(), ratios.double(), torch.zeros(1, 2))
        left, top, right, bottom = crops.box(0, height, width, (64, 64))
        assert abs(bottom - top - high) + abs(right - left - wide) <= 1  # torchvision computes in float32


@pytest.mark.parametrize(("height", "width"), [(10, 400), (400, 10)])
def test_where_no_drawn_shape_fits_the_middle_is_shown(peers, height: int, width: int):
    transforms = peers.load("torchvision.transforms")
    torch.manual_seed(0)
    top, left, high, wide = transforms.RandomResizedCrop.get_params(
        torch.zeros(1, height, width), (0.9, 1.0), (3 / 4, 4 / 3)
    )
    assert drawn(1, 0.9).box(0, height, width, (64, 64)) == (left, top, left + wide, top + high)


def test_the_numbers_of_an_image_do_not_depend_on_its_size():
    crops = drawn(3)
    boxes = [crops.box(1, side, side, (8, 8)) for side in (100, 1000)]
    for small, large in zip(*boxes, strict=True):
        assert abs(10 * small - large) <= 12


def test_of_a_part_the_rows_get_the_numbers_of_the_whole_batch():
    whole, part = drawn(7), drawn(2, part=Part(torch.tensor([5, 2]), 7))
    sizes = (90, 80, (32, 32))
    assert len(part) == 2
    assert [part.box(row, *sizes) for row in (0, 1)] == [whole.box(row, *sizes) for row in (5, 2)]


def test_the_numbers_come_from_the_generator_alone():
    torch.manual_seed(1)
    one = drawn(4)
    torch.manual_seed(2)
    other = drawn(4)
    assert torch.equal(one.shares, other.shares)
    assert torch.equal(one.places, other.places)


@pytest.mark.parametrize("smallest", [0, -0.5, 1.01, math.nan])
def test_a_share_out_of_its_range_is_refused(smallest):
    with pytest.raises(ValueError, match="smallest: expected a number above 0 and at most 1, got"):
        drawn(1, smallest)
