"""Are slices of a batch, normalized each by its own moments into one output, those of separate calls to the bit?"""

import pytest
import torch

from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import Outputs, _launch
from batchnorm.kernels.cpu.jit.slots import STREAM

from .cases import DTYPES, FAMILIES, LAYOUTS, make_case

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = {"(N, C)": (9, 3), "(N, C, L)": (7, 5, 3), "images": (5, 9, 5, 6), "volumes": (4, 2, 2, 3, 5)}
CASES = [
    (family, kind, layout, dtype)
    for family in FAMILIES
    for kind in SHAPES
    for layout in LAYOUTS
    for dtype in DTYPES
    if (family != "pool" or kind == "images") and (kind != "(N, C)" or layout == "contiguous")
]


def cut(count):
    """One of a single sample, slices of two, and a last one with what is left."""
    return [1, *[2] * ((count - 2) // 2), 1 + count % 2]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_slices_of_a_large_output_go_past_the_caches_as_the_whole_would(layout, monkeypatch):
    case, streamed, run = make_case("identity", (8, 8, 4, 4), torch.float32, layout=layout), [], _launch.Launch.run

    def spy(launch, *outputs, **options):
        run(launch, *outputs, **options)
        streamed.append(launch.values[STREAM])

    monkeypatch.setattr(_launch.Launch, "run", spy)
    monkeypatch.setattr(_launch, "STREAMED", 4 * case.x.numel())
    steps = (case.weight, case.bias, case.eps, case.activation)
    found = cpu.forward_slices(case.x, [4, 4], *steps)
    rules = (case.weight, case.bias, found.masks, case.eps, case.activation, False)
    cpu.backward_slices(case.dy, case.x, [4, 4], found.mean, found.var, *rules)
    cpu.forward(case.x[:4], None, *steps)
    assert streamed == [1, 1, 1, 1, 0]  # both slices forward and backward, and one alone


def separate(case, sizes):
    """Outputs and gradients of a call for each slice."""
    residuals = [None] * len(sizes) if case.residual is None else case.residual.split(sizes)
    for x, dy, residual in zip(case.x.split(sizes), case.dy.split(sizes), residuals, strict=True):
        steps = (case.weight, case.bias, case.eps, case.activation)
        found = cpu.forward(x, None, *steps, residual, pool=case.pool)
        rules = (found.masks, case.eps, case.activation, residual is not None, True)
        yield (
            found,
            cpu.backward(dy, x, found.mean, found.var, case.weight, case.bias, *rules, pool=case.pool),
        )


@pytest.mark.parametrize(("family", "kind", "layout", "dtype"), CASES, ids=str)
def test_slices_are_those_of_separate_calls_to_the_bit(family, kind, layout, dtype):
    case = make_case(family, SHAPES[kind], dtype, layout=layout)
    sizes = cut(len(case.x))
    whole = cpu.forward(case.x, None, case.weight, case.bias, case.eps, case.activation, case.residual, pool=case.pool)
    steps = (case.weight, case.bias, case.eps, case.activation)
    found = cpu.forward_slices(case.x, sizes, *steps, case.residual, pool=case.pool)
    add = case.residual is not None
    rules = (case.weight, case.bias, found.masks, case.eps, case.activation, add)
    gradients = cpu.backward_slices(case.dy, case.x, sizes, found.mean, found.var, *rules, pool=case.pool)
    outputs, backs = zip(*separate(case, sizes), strict=True)
    assert torch.equal(found.y, torch.cat([one.y for one in outputs]))
    assert found.y.stride() == whole.y.stride()
    assert torch.equal(found.mean, torch.stack([one.mean for one in outputs]))
    assert torch.equal(found.masks, torch.cat([one.masks for one in outputs]))
    assert torch.equal(gradients.dx, torch.cat([one.dx for one in backs]))
    assert not add or torch.equal(gradients.dresidual, torch.cat([one.dresidual for one in backs]))
    rounding = 4 * torch.finfo(gradients.dweight.dtype).eps
    for name in ("dweight", "dbias"):
        total = sum(getattr(one, name).double() for one in backs)
        torch.testing.assert_close(getattr(gradients, name).double(), total, rtol=rounding, atol=8 * rounding)


def test_one_slice_is_a_plain_call():
    case = make_case("add", SHAPES["images"], torch.float32)
    steps = (case.weight, case.bias, case.eps, "relu", case.residual)
    found, plain = cpu.forward_slices(case.x, [5], *steps), cpu.forward(case.x, None, *steps)
    assert torch.equal(found.y, plain.y)
    assert torch.equal(found.var[0], plain.var)
    assert torch.equal(found.masks, plain.masks)


def test_an_output_that_lies_otherwise_than_x_is_refused():
    x = torch.randn(4, 3, 5, 5)
    y = torch.empty_like(x, memory_format=torch.channels_last)
    room = Outputs(y, torch.empty(3).double(), torch.empty(3).double(), torch.empty(0, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"out: expected shape .4, 3, 5, 5. with strides .75, 25, 5, 1., the order in"):
        cpu.forward(x, None, None, None, 1e-5, "relu", out=room)
