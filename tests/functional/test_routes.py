"""Who computes a call, and what is said of a route that there is not?"""

import math
import re

import pytest
import torch

from batchnorm.functional import ROUTES, TABLE, batch_norm, check_route, route_table
from batchnorm.functional._pays import (
    AFFINE_BFLOAT16,
    AFFINE_COLUMNS,
    AFFINE_ROWS,
    FEWEST_COLUMNS,
    FEWEST_EVALUATED,
    FEWEST_ROWS,
)

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def operators(function):
    """The names of the operators that a call runs."""
    with torch.profiler.profile() as profile:
        function()
    return {event.key for event in profile.key_averages()}


def call(route):
    return batch_norm(X, None, None, training=True, route=route)


def test_composed_does_not_call_torchs_operator():
    assert "aten::batch_norm" not in operators(lambda: call("composed"))


@pytest.mark.parametrize("route", ["native", "auto"])
def test_native_and_auto_call_torchs_operator(route):
    assert "aten::batch_norm" in operators(lambda: call(route))


def test_auto_is_composed_inside_a_transform():
    found = operators(lambda: torch.func.vmap(lambda x: call_on(x, "auto"))(X[None]))
    assert "aten::var_mean" in found
    assert "aten::batch_norm" not in found


def call_on(x, route):
    return batch_norm(x, None, None, training=True, route=route)


def test_native_asked_for_by_name_stays_native_inside_a_transform():
    found = operators(lambda: torch.func.grad(lambda x: call_on(x, "native").sum())(X))
    assert "aten::var_mean" not in found


@pytest.mark.parametrize("check", [check_route, call])
def test_an_unknown_route_is_an_error_with_the_near_ones(check):
    with pytest.raises(ValueError, match=r"route: .* got 'nativ'. Did you mean 'native'\?"):
        check("nativ")


@pytest.mark.parametrize("check", [check_route, call])
@pytest.mark.parametrize("route", [None, ["native"], 3], ids=str)
def test_a_route_that_is_no_name_is_a_type_error(check, route):
    with pytest.raises(
        TypeError, match=rf"route: expected a name, got {re.escape(repr(route))}\. Known: auto, composed"
    ):
        check(route)


def test_the_routes_are_the_ones_that_the_docs_name():
    assert sorted(ROUTES) == ["composed", "fused", "native"]


@pytest.mark.parametrize("function", ["batch_norm", "channel_affine", "exact_moments"])
def test_the_lines_of_a_function_end_with_one_for_everything_else(function):
    last = [line for line in route_table().splitlines() if line.startswith(f"| {function} |")][-1]
    assert last.startswith(f"| {function} | native | everything else |")


def test_the_table_names_the_sizes_from_which_kernels_pay():
    rows, columns, evaluated, affine_rows, affine_columns, affine_bfloat16 = (
        f"2**{math.log2(values):.0f}"
        for values in (FEWEST_ROWS, FEWEST_COLUMNS, FEWEST_EVALUATED, AFFINE_ROWS, AFFINE_COLUMNS, AFFINE_BFLOAT16)
    )
    when = {row.function: row.when for row in TABLE if row.route == "fused"}
    assert f"at least {rows} values ({columns} channels_last, {evaluated} in evaluation)" in when["batch_norm"]
    assert when["channel_affine"] == (
        f"as batch_norm, but at least {affine_rows} values contiguous, {affine_columns} channels_last and only with an "
        f"activation, {affine_bfloat16} in bfloat16"
    )
