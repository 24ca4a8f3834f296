"""Moments of the valid places: the padding is not seen, not normalized, and gets no gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.functional import ACTIVATIONS, batch_norm
from batchnorm.nn import Masked

from ..batch_norm_cases import errors, make_case, run
from .oracle import expected_masked

ROUTES = ["auto", "composed", "native", "fused"]
SHAPES = [(9, 4), (4, 3, 7), (3, 3, 4, 5), (2, 2, 2, 3, 4)]
NOISE = [float("nan"), float("inf"), -float("inf"), 3e38, 1e-45]


def mask_of(shape, seed=0, share=0.6):
    """A mask with valid places and padding."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand((shape[0], *shape[2:]), generator=generator) < share
    mask.view(-1)[:3] = torch.tensor([True, True, False])
    return mask


def masked(arguments, dy, mask, fill=0.0, **options):
    return run(batch_norm, arguments, dy, moments=Masked(fill), mask=mask, **options)


def name_of(activation):
    """An activation's name, the same in every process: what functions are shown by has an address in it."""
    return getattr(activation, "__name__", str(activation))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("fill", [0.0, -1.5, None])
def test_outputs_gradients_and_statistics_are_those_of_the_valid_values_alone(shape, route, training, fill):
    arguments, dy = make_case(shape, dtype=torch.float64)
    mask = mask_of(shape)
    found = masked(arguments, dy, mask, fill, training=training, route=route)
    wanted = expected_masked(mask, fill, arguments, dy, training=training)
    assert found.keys() == vars(wanted).keys()
    assert {name: error for name, error in errors(found, wanted).items() if not error < 1e-11} == {}


@pytest.mark.parametrize("momentum", [0, 1.0, torch.tensor(0.3)], ids=repr)
@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize(("weight", "bias"), [(True, False), (False, True), (False, False)])
def test_statistics_weight_and_bias_may_be_missing(tracked, weight, bias, momentum):
    arguments, dy = make_case((4, 3, 7), dtype=torch.float64, tracked=tracked, weight=weight, bias=bias)
    mask = mask_of((4, 3, 7))
    found = masked(arguments, dy, mask, training=True, momentum=momentum)
    wanted = expected_masked(mask, 0.0, arguments, dy, training=True, momentum=momentum)
    assert max(errors(found, wanted).values()) < 1e-11


def bits(found):
    return {name: torch.from_numpy(values).view(torch.int64) for name, values in found.items()}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_stands_in_the_padding_changes_no_bit(noise, route, training, dtype):
    arguments, dy = make_case((4, 3, 5, 6), dtype=dtype)
    mask = mask_of((4, 3, 5, 6))
    plain = masked(arguments, dy, mask, training=training, route=route)
    padding = ~mask[:, None].expand_as(dy)
    arguments[0][padding] = noise
    noisy = masked(arguments, dy, mask, training=training, route=route)
    torch.testing.assert_close(bits(noisy), bits(plain), rtol=0, atol=0)


@pytest.mark.parametrize("activation", [None, *ACTIVATIONS, torch.sigmoid, torch.nn.PReLU()], ids=name_of)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_the_gradient_in_the_padding_is_exactly_0_even_where_the_outputs_is_not_finite(activation, training):
    arguments, dy = make_case((4, 3, 7), dtype=torch.float32)
    mask = mask_of((4, 3, 7))
    padding = ~mask[:, None].expand_as(dy)
    arguments[0][padding], dy[padding] = float("nan"), float("inf")
    found = masked(arguments, dy, mask, training=training, activation=activation)
    assert (found["dx"][padding.numpy()] == 0).all()
    assert all((abs(values) < 1e9).all() for values in found.values())


@pytest.mark.parametrize("activation", ["relu", "sigmoid", torch.sigmoid, torch.nn.Softplus()], ids=name_of)
@pytest.mark.parametrize("fill", [0.0, -2.0])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_the_fill_comes_behind_the_activation(activation, fill, training):
    (x, *rest), _ = make_case((4, 3, 7), dtype=torch.float32)
    mask = mask_of((4, 3, 7))
    y = batch_norm(x, *rest, training, activation=activation, moments=Masked(fill), mask=mask)
    assert (y.movedim(1, -1)[~mask] == fill).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_fill_none_keeps_the_inputs_bits(dtype):
    (x, *rest), _ = make_case((4, 3, 7), dtype=dtype)
    mask = mask_of((4, 3, 7))
    x.movedim(1, -1)[~mask] = float("nan")
    y = batch_norm(x, *rest, True, activation="relu", moments="masked:none", mask=mask)
    assert y.dtype is dtype
    assert y.movedim(1, -1)[~mask].isnan().all()
    assert not y.movedim(1, -1)[mask].isnan().any()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_more_padding_changes_only_rounding(route, dtype):
    arguments, dy = make_case((4, 3, 7), dtype=dtype)
    mask = mask_of((4, 3, 7))
    short = masked(arguments, dy, mask, training=True, route=route)
    longer = [torch.cat([arguments[0], torch.full((4, 3, 90), 7.0, dtype=dtype)], -1), *arguments[1:]]
    dy, mask = (torch.nn.functional.pad(values, (0, 90)) for values in (dy, mask))
    long = masked(longer, dy, mask, training=True, route=route)
    cut = {name: values[..., :7] if name in ("y", "dx") else values for name, values in long.items()}
    bound = 1e-5 if dtype is torch.float32 else 1e-13
    torch.testing.assert_close(cut, short, rtol=bound, atol=bound)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_all_valid_is_batch_norm(shape, training):
    arguments, dy = make_case(shape, dtype=torch.float64)
    mask = torch.ones((shape[0], *shape[2:]), dtype=torch.bool)
    plain = run(batch_norm, arguments, dy, training=training, route="composed")
    torch.testing.assert_close(masked(arguments, dy, mask, training=training), plain)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_the_mask_may_have_an_axis_for_the_channels(shape, training):
    arguments, dy = make_case(shape, dtype=torch.float64)
    mask = mask_of(shape)
    narrow, wide = (masked(arguments, dy, given, training=training) for given in (mask, mask[:, None]))
    torch.testing.assert_close(wide, narrow, rtol=0, atol=0)


def views(mask):
    """The same mask in other memory."""
    return {
        "transposed": mask.mT.contiguous().mT,
        "sliced": torch.stack([mask, ~mask], -1)[..., 0],
        "of bytes": mask.to(torch.uint8).view(torch.bool),
    }


@pytest.mark.parametrize("kind", ["transposed", "sliced", "of bytes"])
def test_the_mask_may_be_any_view(kind):
    arguments, dy = make_case((4, 3, 5, 6), dtype=torch.float64)
    mask = mask_of((4, 3, 5, 6))
    plain, other = (masked(arguments, dy, given, training=True) for given in (mask, views(mask)[kind]))
    torch.testing.assert_close(other, plain, rtol=0, atol=0)


def test_an_expanded_mask_is_one_row_for_all_samples():
    arguments, dy = make_case((4, 3, 7), dtype=torch.float64)
    row = torch.tensor([True] * 4 + [False] * 3)
    plain, other = (masked(arguments, dy, given, training=True) for given in (row.repeat(4, 1), row.expand(4, 7)))
    torch.testing.assert_close(other, plain, rtol=0, atol=0)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fill", [0.0, None])
def test_the_output_has_the_memory_format_of_the_input(memory, training, route, fill):
    (x, *rest), _ = make_case((4, 3, 5, 6), dtype=torch.float32)
    x = x.contiguous(memory_format=memory)
    y = batch_norm(x, *rest, training, moments=Masked(fill), mask=mask_of(x.shape), route=route)
    assert y.stride() == x.stride()


def test_evaluation_takes_a_batch_of_nothing_but_padding():
    (x, *rest), _ = make_case((4, 3, 7), dtype=torch.float32)
    mask = torch.zeros(4, 7, dtype=torch.bool)
    assert (batch_norm(x * float("nan"), *rest, moments=Masked(2.0), mask=mask) == 2).all()


def test_the_statistics_are_those_of_a_loop_over_sequences_without_padding():
    """Sequences of unequal length, one after the other, as one long one."""
    (x, mean, var, weight, bias), _ = make_case((5, 3, 9), dtype=torch.float64)
    lengths = torch.tensor([9, 1, 4, 0, 6])
    mask = torch.arange(9) < lengths[:, None]
    whole = torch.cat([row[:, :length] for row, length in zip(x, lengths, strict=True)], 1)[None]
    copies = mean.clone(), var.clone()
    y = batch_norm(x, mean, var, weight, bias, True, moments="masked", mask=mask)
    wanted = torch.nn.functional.batch_norm(whole, *copies, weight, bias, True)
    torch.testing.assert_close(y.movedim(1, -1)[mask], wanted[0].T)
    torch.testing.assert_close((mean, var), copies)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=5),
    st.sampled_from(ROUTES),
    st.sampled_from([0.0, 3.0, None]),
    st.integers(0, 99),
)
def test_any_shape_with_any_mask_is_the_formula(shape, route, fill, seed):
    shape = [shape[0] + 2, *shape[1:]]
    mask = mask_of(shape, seed)
    arguments, dy = make_case(shape, dtype=torch.float64, seed=seed)
    found = masked(arguments, dy, mask, fill, training=True, route=route)
    wanted = expected_masked(mask, fill, arguments, dy, training=True)
    assert max(errors(found, wanted).values()) < 1e-8
