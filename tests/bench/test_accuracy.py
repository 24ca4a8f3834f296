"""Do the error columns hold the largest differences from float64, and nothing that a rounding decides?"""

import math

import pytest
import torch
from torch import Tensor

from batchnorm.bench import LayerCase
from batchnorm.bench._accuracy import errors
from batchnorm.bench._contenders import native, ours
from batchnorm.bench._operands import Operands, chunks, make_operands, reference

CASES = [
    LayerCase("bn+act", (6, 5, 4, 3), "nchw"),
    LayerCase("bn+act", (6, 5, 4, 3), "channels_last", activation="hardswish"),
    LayerCase("bn+act", (9, 5), activation="identity"),
    LayerCase("bn+add+act", (6, 5, 4, 3), "channels_last"),
    LayerCase("bn+act+pool", (6, 5, 5, 4), "channels_last"),
    LayerCase("bn+act+pool", (6, 5, 4, 4), "nchw", activation="relu6"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_the_formula_is_what_torch_computes_in_float64(case: LayerCase, training: bool) -> None:
    operands = make_operands(case).channels(slice(None))
    expected = native(case)(operands.with_own_statistics(), training)
    torch.testing.assert_close(reference(case, operands, training=training), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in_float32_torch_and_we_are_within_a_few_roundings(case: LayerCase) -> None:
    found = errors(case, make_operands(case), {"native": native(case), "ours": ours(case, "composed")})
    for error in found.values():
        assert 0 < error.output < 5e-6
        assert 0 < error.input_gradient < 5e-6
        assert 0 < error.evaluation < 5e-6


def test_a_fault_of_one_value_is_found_in_every_column() -> None:
    case = LayerCase("bn+act", (6, 5, 4, 3), dtype="float64", activation="identity")

    def faulty(o: Operands, training: bool) -> Tensor:
        fault = torch.zeros_like(o.x)
        fault[3, 4, 2, 1] = 0.25 if training else 0.5
        return native(case)(o, training) + fault * o.x / o.x.detach()

    operands = make_operands(case)
    with torch.no_grad():
        operands.x[3, 4, 2, 1] = 2.0
    found = errors(case, operands, {"faulty": faulty})["faulty"]
    # y + fault * x / 2: its derivative by x is fault / 2, which dy multiplies.
    gradient = 0.125 * abs(float(operands.dy[3, 4, 2, 1]))
    assert (found.output, found.evaluation) == (0.25, 0.5)
    assert found.input_gradient == pytest.approx(gradient, rel=1e-2)


def test_a_nan_is_not_lost_whatever_comes_after_it() -> None:
    case = LayerCase("bn+act", (2, 300, 100, 100))
    assert len(list(chunks(case))) > 1

    def broken(o: Operands, training: bool) -> Tensor:
        y = o.x * 1.0
        y[0, 0, 0, 0] = math.nan
        return y

    assert math.isnan(errors(case, make_operands(case), {"broken": broken})["broken"].output)


def test_chunks_cover_every_channel_once() -> None:
    case = LayerCase("bn+act", (8, 50, 200, 200))
    channels = [channel for chunk in chunks(case) for channel in range(50)[chunk]]
    assert channels == list(range(50))


@pytest.mark.parametrize(("activation", "kink"), [("relu", 0.0), ("relu6", 6.0), ("hardswish", -3.0)])
def test_the_gradient_is_not_asked_at_a_kink(activation: str, kink: float) -> None:
    case = LayerCase("bn+act", (400, 50, 10), dtype="bfloat16", activation=activation)
    operands = make_operands(case)
    plain = LayerCase("bn+act", case.shape, dtype="float64", activation="identity")
    z = reference(plain, operands.channels(slice(None)), training=True) + 0.0
    near = (z - kink).abs() < 0.04
    far = (z[..., None] - torch.tensor([0.0, 6.0, -3.0, 3.0])).abs().amin(-1) > 0.1
    assert (operands.dy[near] == 0).all()
    assert (operands.dy[far] != 0).double().mean() > 0.99


def test_the_gradient_is_not_asked_of_a_window_whose_winner_a_rounding_decides() -> None:
    case = LayerCase("bn+act+pool", (40, 5, 20, 20), dtype="bfloat16", activation="identity")
    operands = make_operands(case)
    z = reference(LayerCase("bn+act", case.shape, activation="identity"), operands.channels(slice(None)), training=True)
    windows = z.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    largest = windows.sort(dim=-1).values
    close = largest[..., -1] - largest[..., -2] < 0.04
    assert close.any()
    assert (operands.dy[close] == 0).all()
    assert (operands.dy[largest[..., -1] - largest[..., -2] > 0.1] != 0).double().mean() > 0.99


def test_the_operands_are_the_same_every_time_and_lie_as_the_case_says() -> None:
    case = LayerCase("bn+add+act", (4, 6, 5, 5), "channels_last", "bfloat16")
    one, other = make_operands(case), make_operands(case)
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first, second)
    for tensor in (one.x, one.residual, one.dy):
        assert tensor.is_contiguous(memory_format=torch.channels_last)
        assert tensor.dtype is torch.bfloat16
    assert one.weight.dtype is one.running_var.dtype is torch.float32
