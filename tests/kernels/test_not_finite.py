"""Do NaN and infinity go where the formulas take them, and nowhere else?

What is expected comes from the formulas in NumPy, not from torch's operators: some of their vectorized code takes a NaN
for a large number, and which code runs depends on the processor, the dtype and the layout.
"""

import numpy as np
import pytest
import torch

from .cases import DTYPES, FAMILIES, LAYOUTS, make_case, tensors
from .oracle import oracle

pytestmark = pytest.mark.usefixtures("one_thread")

BAD = {"nan": [float("nan")], "inf": [float("inf")], "-inf": [-float("inf")], "both": [float("inf"), -float("inf")]}
SHAPES = {"(N, C)": (9, 5), "short rows": (4, 3, 17), "long rows": (4, 3, 300), "images": (4, 3, 8, 10)}
PLACES = [(kind, layout) for kind in SHAPES for layout in LAYOUTS if kind != "(N, C)" or layout == "contiguous"]
CASES = [(family, *place) for family in FAMILIES for place in PLACES if family != "pool" or place[0] == "images"]


def spoil(case, field, values):
    """The case with `values` at the end of channel 1 of one of its tensors, one in each sample; the layout stays."""
    tensor = getattr(case, field)
    spoilt = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).copy_(tensor)
    for sample, value in enumerate(values):
        spoilt[(sample + 1, 1, *(-1,) * (tensor.dim() - 2))] = value
    return case.over(**{field: spoilt})


def kinds(values):
    """0 for a number, 1 and 2 for the infinities, 3 for NaN."""
    return np.select([np.isnan(values), values == np.inf, values == -np.inf], [3, 1, 2], 0)


def check(case):
    found = {name: values.double().numpy() for name, values in tensors(case).items()}
    with np.errstate(all="ignore"):
        expected = oracle(case)
    if case.pool and not case.training and (case.x == -float("inf")).any():
        # The formula multiplies what lost its window by 0, and makes a NaN of it; the kernels do not look at it.
        del found["dweight"]
    assert {name: kinds(values).tolist() for name, values in found.items()} == {
        name: kinds(expected[name]).tolist() for name in found
    }
    others = np.arange(case.x.shape[1]) != 1
    for values in found.values():
        assert np.isfinite(values[:, others] if values.ndim > 1 else values[others]).all()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("family", "kind", "layout"), CASES)
def test_what_is_not_finite_in_x_goes_where_the_formulas_take_it(family, kind, layout, dtype, training):
    case = make_case(family, SHAPES[kind], dtype, layout=layout, training=training)
    for values in BAD.values():
        check(spoil(case, "x", values))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_finite_in_dy_or_the_residual_goes_where_the_formulas_take_it(family, layout, training):
    case = make_case(family, SHAPES["images"], torch.float32, layout=layout, training=training)
    for values in BAD.values():
        check(spoil(case, "dy", values))
        if family == "add":
            check(spoil(case, "residual", values))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", ["silu", "add", "pool"])
def test_a_channel_of_a_large_tensor_is_spoilt_alone(family, layout):
    """Where several blocks and units are merged."""
    case = make_case(family, (8, 40, 37, 41), torch.float32, layout=layout)
    check(spoil(case, "x", BAD["nan"]))
    check(spoil(case, "x", BAD["inf"]))
