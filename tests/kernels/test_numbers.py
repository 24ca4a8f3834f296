"""Do outputs, statistics and gradients of every kernel err at most twice as much as torch's own operators?"""

import pytest

from .cases import DTYPES, FAMILIES, excess, make_case

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = {"(N, C)": (16, 5), "(N, C, L)": (8, 3, 7), "images": (4, 3, 6, 5), "volumes": (3, 2, 4, 3, 5)}
PLACES = [
    ("(N, C)", "contiguous"),
    *((kind, layout) for kind in list(SHAPES)[1:] for layout in ("contiguous", "channels_last")),
    *((kind, layout) for kind in list(SHAPES)[1:] for layout in ("channel slice", "batch slice")),
]
CASES = [(family, *place) for family in FAMILIES for place in PLACES if family != "pool" or place[0] == "images"]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("family", "kind", "layout"), CASES)
def test_in_every_layout_errors_are_at_most_twice_natives(family, kind, layout, dtype, training):
    """Twice native's error, or twice 4 roundings (eps of the largest value; 8 for sums) if that is more."""
    case = make_case(family, SHAPES[kind], dtype, layout=layout, training=training)
    assert excess(case) == {}
