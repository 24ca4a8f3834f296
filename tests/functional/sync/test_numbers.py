"""Several real processes give and get what one process would with the whole batch, by the formula in float64."""

import numpy as np
import pytest
import torch

from ..batch_norm_cases import errors
from .cases import (
    BOUNDS,
    CASES,
    MORE_SHARDS,
    SHARDS,
    WAYS,
    WIDE,
    all_computed,
    finished,
    finished_whole,
    put_together,
    wanted,
)
from .processes import ask

PARAMETERS = [
    ((7, 3, 4), route, torch.float64, parameters)
    for route in WAYS
    for parameters in ((True, False), (False, True), (False, False))
]
FAR = [*CASES, *[(WIDE, route, torch.float64) for route in WAYS]]
STEPS = [(step, route) for step in ("add", "pool") for route in WAYS]


def questions(shards, cases):
    return [("numbers", all_computed, shards, cases)]


@pytest.fixture(scope="module", params=[pytest.param(2, marks=pytest.mark.slow), 3])
def answers(request, tmp_path_factory):
    """Of two processes, and of three of which one has nothing."""
    size = request.param
    (shards,) = SHARDS[size]
    behind = [((step, route), finished, shards, step, route) for step, route in STEPS]
    return ask(size, tmp_path_factory.mktemp("sync"), [*questions(shards, [*FAR, *PARAMETERS]), *behind])


def check(answers, cases):
    for case in cases:
        shares = [one["numbers"][case] for one in answers]
        found = errors(put_together(shares), wanted(*case))
        assert {name: error for name, error in found.items() if not error < BOUNDS[case[2]]} == {}, case


def test_outputs_gradients_and_statistics_are_those_of_the_whole_batch(answers):
    check(answers, CASES)


def test_norms_of_many_channels_send_their_message_in_two_parts(answers):
    check(answers, [case for case in FAR if case[0] == WIDE])


def test_weight_and_bias_may_each_be_missing(answers):
    check(answers, PARAMETERS)


def test_all_processes_keep_the_same_bits_of_statistics(answers):
    for name in ("running_mean", "running_var"):
        for case, first in answers[0]["numbers"].items():
            for one in answers[1:]:
                np.testing.assert_array_equal(one["numbers"][case][name], first[name], err_msg=str(case))


@pytest.mark.parametrize(("step", "route"), STEPS)
def test_a_residual_or_a_pool_stands_behind_the_whole_batchs_norm(answers, step, route):
    whole = finished_whole(step)
    for name, values in whole.items():
        if values is not None:
            shares = torch.cat([one[(step, route)][name] for one in answers])
            torch.testing.assert_close(shares, values, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "shards"), [(size, one) for size, all_of in MORE_SHARDS.items() for one in all_of])
def test_any_shards_give_what_the_whole_batch_gives(size, shards, tmp_path):
    check(ask(size, tmp_path, questions(shards, FAR)), FAR)


@pytest.mark.slow
def test_four_processes_give_what_the_whole_batch_gives(tmp_path):
    check(ask(4, tmp_path, questions(SHARDS[4][0], FAR)), FAR)
