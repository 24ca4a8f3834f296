"""Are the halves of a norm, moments and what applies numbers to x, operators with the derivatives of their formulas?"""

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.autograd import gradcheck, gradgradcheck

from .cases import LAYOUTS, make_case
from .test_operators import SAMPLES, SHAPES

pytestmark = pytest.mark.usefixtures("one_thread")

operators = torch.ops.batchnorm


def numbers_of(case):
    """Center, scale and shift, leaves in float64 of their own."""
    channels = case.x.shape[1]
    draws = torch.Generator().manual_seed(5)
    center, scale, shift = torch.randn(3, channels, generator=draws, dtype=torch.float64)
    return center.clone().requires_grad_(), scale.clone().requires_grad_(), shift.clone().requires_grad_()


def arguments_of(case):
    """What `apply` takes for a case."""
    residual = None if case.residual is None else case.residual.detach().requires_grad_()
    return case.x.detach().requires_grad_(), *numbers_of(case), residual, case.activation, case.pool


@pytest.mark.parametrize(("family", "kind", "layout"), SAMPLES)
def test_opcheck_passes_of_apply(family, kind, layout):
    case = make_case(family, SHAPES[kind], torch.float32, layout=layout)
    torch.library.opcheck(operators.apply.default, arguments_of(case))


@pytest.mark.parametrize(("family", "kind", "layout"), SAMPLES)
def test_opcheck_passes_of_the_way_back(family, kind, layout):
    case = make_case(family, SHAPES[kind], torch.float32, layout=layout)
    x, center, scale, shift, residual, activation, pool = arguments_of(case)
    tensors = [t.detach() for t in (x, center, scale, shift)]
    y, masks = operators.apply(*tensors, None if residual is None else residual.detach(), activation, pool)
    rules = (activation, residual is not None, pool)
    torch.library.opcheck(operators.apply_back.default, (torch.ones_like(y), *tensors, masks, *rules))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_opcheck_passes_of_moments(layout, dtype):
    case = make_case("identity", SHAPES["images"], dtype, layout=layout)
    torch.library.opcheck(operators.moments.default, (case.x.detach().requires_grad_(),))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_the_derivatives_of_moments_are_right(check, layout):
    case = make_case("identity", (3, 2, 2, 2), torch.float64, layout=layout)
    assert check(operators.moments, (case.x.detach().requires_grad_(),))


@pytest.mark.parametrize("family", ["identity", "silu", "add", "pool"])
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_the_derivatives_of_apply_are_right(check, family):
    case = make_case(family, (2, 2, 4, 4) if family == "pool" else (3, 2, 2, 2), torch.float64)
    x, center, scale, shift, residual, activation, pool = arguments_of(case)

    def function(x, center, scale, shift, *others):
        return operators.apply(x, center, scale, shift, *(others or (None,)), activation, pool)[0]

    assert check(function, (x, center, scale, shift, *(() if residual is None else (residual,))))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", ["silu", "add", "pool"])
def test_a_fake_output_has_the_shapes_types_and_strides_of_a_real_one(family, layout):
    case = make_case(family, SHAPES["images"], torch.bfloat16, layout=layout)
    given = [t.detach() if isinstance(t, torch.Tensor) else t for t in arguments_of(case)]
    real = operators.apply(*given)
    with FakeTensorMode() as mode:
        fake = operators.apply(*(mode.from_tensor(t) if isinstance(t, torch.Tensor) else t for t in given))
    assert [(t.shape, t.dtype, t.stride()) for t in fake] == [(t.shape, t.dtype, t.stride()) for t in real]
