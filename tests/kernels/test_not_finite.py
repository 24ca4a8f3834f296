"""Do NaN and infinity go where torch's operators let them go, and nowhere else?"""

import pytest
import torch

from .cases import DTYPES, FAMILIES, LAYOUTS, make_case, tensors

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


def kinds(tensor):
    """0 for a number, 1 and 2 for the infinities, 3 for NaN."""
    nan, inf = torch.isnan(tensor), torch.isinf(tensor)
    return torch.where(nan, 3, torch.where(inf, torch.where(tensor > 0, 1, 2), 0))


def on_contiguous(case):
    """Torch's operators on contiguous copies: in other layouts its hardswish takes a NaN for a large number."""
    fields = {name: getattr(case, name) for name in ("x", "dy", "residual")}
    return tensors(case.over(**{name: t if t is None else t.contiguous() for name, t in fields.items()}), "native")


def check(case):
    found, expected = tensors(case), on_contiguous(case)
    if case.pool and not case.training and (case.x == -float("inf")).any():
        # torch multiplies what lost its window by 0, and makes a NaN of it; the kernels do not look at it.
        del expected["dweight"], found["dweight"]
    assert {name: kinds(found[name]).tolist() for name in expected} == {
        name: kinds(values).tolist() for name, values in expected.items()
    }
    others = torch.arange(case.x.shape[1]) != 1
    for values in found.values():
        clean = values[:, others] if values.dim() > 1 else values[others]
        assert clean.isfinite().all()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("family", "kind", "layout"), CASES)
def test_what_is_not_finite_in_x_goes_where_torchs_goes(family, kind, layout, dtype, training):
    case = make_case(family, SHAPES[kind], dtype, layout=layout, training=training)
    for values in BAD.values():
        check(spoil(case, "x", values))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_finite_in_dy_or_the_residual_goes_where_torchs_goes(family, layout, training):
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
