"""What else holds of synchronized norms: gradients of gradients, who is asked for one, and who is refused, and why."""

import pytest
import torch

import batchnorm.nn as bn

from . import conduct
from .conduct import DY, SHARDS, X, doubled
from .processes import ask

ROUTES = ["composed", "native", "fused"]
QUESTIONS = [
    *[("double", route, conduct.gradient_of_gradient, route) for route in ROUTES],
    *[("twice", route, conduct.backward_twice, route) for route in ROUTES],
    *[
        ("recomputed", (route, kind), conduct.recomputed, route, kind)
        for route in ROUTES
        for kind in (None, "reentrant", "other")
    ],
    ("quiet", None, conduct.without_gradients),
    *[
        ("asked by one", (route, empty), conduct.asked_by_one, route, empty)
        for route in ROUTES
        for empty in (False, True)
    ],
    ("grad mode", None, conduct.grad_mode_of_one),
    ("norms", None, conduct.in_different_norms),
    ("same size", None, conduct.in_norms_of_the_same_size),
    ("channels", None, conduct.with_other_channels),
    ("back", None, conduct.one_goes_back),
    ("something else", None, conduct.one_sends_something_else),
    ("one value", None, conduct.one_value_in_all),
    ("one each", None, conduct.one_value_each),
    ("nothing", None, conduct.nothing_in_all),
    *[("kinds", route, conduct.kinds_of_numbers, route) for route in ("composed", "native")],
    *[("last", route, conduct.in_channels_last, route) for route in ROUTES],
    ("state", None, conduct.by_state),
    ("evaluation", None, conduct.in_evaluation_of_one),
    ("autocast", None, conduct.under_autocast),
    ("other dtypes", None, conduct.other_dtypes),
    *[("own", route, conduct.own_source, route) for route in ROUTES],
    ("masked", None, conduct.masked_places),
    ("slices", None, conduct.in_slices),
    ("transforms", None, conduct.transformed),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    found = ask(2, tmp_path_factory.mktemp("sync"), [((name, of), *rest) for name, of, *rest in QUESTIONS])
    return lambda name, of=None: [one[name, of] for one in found]


def whole(x=X, **options):
    """Torch's layer on the whole batch."""
    return torch.nn.BatchNorm2d(4, dtype=torch.float64, **options)(x)


@pytest.mark.parametrize("route", ROUTES)
def test_the_gradient_of_a_gradient_is_that_of_the_whole_batch(answers, route):
    expected = doubled(torch.nn.BatchNorm2d(4, dtype=torch.float64), X.clone(), DY)
    torch.testing.assert_close(torch.cat(answers("double", route)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_a_graph_that_is_kept_can_be_gone_back_through_again(answers, route):
    for first, both in answers("twice", route):
        torch.testing.assert_close(both, 2 * first, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", ["reentrant", "other"])
@pytest.mark.parametrize("route", ROUTES)
def test_activation_checkpointing_changes_nothing(answers, route, kind):
    for found, expected in zip(answers("recomputed", (route, kind)), answers("recomputed", (route, None)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_no_gradient_is_asked_for_where_nobody_wants_one(answers):
    expected = 0.1 * 2 * X.mean((0, 2, 3)) - 0.01 * X.mean((0, 2, 3))  # two updates by a tenth
    for no_grad, none_requires_one, running_mean in answers("quiet"):
        assert not no_grad
        assert not none_requires_one
        torch.testing.assert_close(running_mean, expected)


@pytest.mark.parametrize("route", ROUTES)
def test_a_gradient_that_one_process_wants_is_sent_by_all(answers, route):
    x = X.clone().requires_grad_()
    whole(x, affine=False).backward(DY)
    first, second = answers("asked by one", (route, False))
    torch.testing.assert_close(first, x.grad[: SHARDS[0]], rtol=1e-12, atol=1e-12)
    assert second is None


@pytest.mark.parametrize("route", ROUTES)
def test_an_empty_batch_that_requires_no_gradient_ends_no_backward(answers, route):
    x = X[: SHARDS[0]].clone().requires_grad_()
    whole(x, affine=False).backward(DY[: SHARDS[0]])
    first, second = answers("asked by one", (route, True))
    torch.testing.assert_close(first, x.grad, rtol=1e-12, atol=1e-12)
    assert second is None


def test_gradients_enabled_in_some_processes_alone_are_refused_in_all_before_the_backward(answers):
    for said, shape in answers("grad mode"):
        assert said.startswith("RankError: batch_norm: a backward through a synchronized norm needs all processes")
        assert "rank 0 will go back through it; rank 1 runs without gradients" in said
        assert shape[1] == 4


def test_processes_in_different_norms_are_told_where_each_of_them_is(answers):
    for said in answers("norms"):
        assert "rank 0 in norm" in said
        assert "(4 channels, forward); rank 1 in norm" in said
        assert "(700 channels, forward)" in said


def test_norms_of_the_same_size_are_told_apart(answers):
    for said in answers("same size"):
        assert said.startswith("RankError: batch_norm: the processes are not in the same synchronized norm: rank 0")


def test_other_numbers_of_channels_are_refused_in_the_first_call(answers):
    for said in answers("channels"):
        assert "(3 channels, forward); rank 1" in said
        assert "(4 channels, forward)" in said


def test_a_process_that_goes_back_while_another_goes_on_is_told(answers):
    for said in answers("back"):
        assert "(4 channels, backward); rank 1 in norm" in said


def test_a_process_that_sends_something_else_by_the_group_is_told_of(answers):
    _, said = answers("something else")
    assert "rank 0 in no norm, but sends something else by the same process group; rank 1 in norm" in said


def test_one_value_per_channel_in_all_processes_together_is_refused_in_all(answers):
    for said, tracked in answers("one value"):
        assert said.startswith(
            "ValueError: batch_norm: expected more than 1 value per channel when training, got 1 in 2"
        )
        assert tracked == 0


def test_one_value_in_each_process_is_a_batch(answers):
    first, second = answers("one each")
    close = torch.testing.assert_close
    close(torch.cat([first[0], second[0]]).flatten(), torch.tensor([-1.0, 1.0], dtype=torch.float64), rtol=1e-5, atol=0)
    close(first[1], torch.tensor([0.9 + 0.1 * 2.0], dtype=torch.float64))  # 0 and 2 have an unbiased variance of 2


def test_batches_that_are_empty_in_all_processes_move_nothing(answers):
    for shape, running_mean, of_weight in answers("nothing"):
        assert shape == (0, 4, 2)
        assert not running_mean.any()
        assert not of_weight.any()


@pytest.mark.parametrize("route", ["composed", "native"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_types_have_moments_in_float32(answers, route, dtype):
    rounded = X.to(dtype).double().requires_grad_()
    y = whole(rounded)
    y.backward(DY.to(dtype).double())
    found = [one[dtype] for one in answers("kinds", route)]
    assert all(one[0].dtype is one[1].dtype is dtype for one in found)
    torch.testing.assert_close(torch.cat([one[0] for one in found]).double(), y.detach(), rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(torch.cat([one[1] for one in found]).double(), rounded.grad, rtol=2e-2, atol=2e-2)
    mean = rounded.detach().mean((0, 2, 3)) * 0.1
    for one in found:
        torch.testing.assert_close(one[2].double(), mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("route", ["composed", "native"])
def test_channels_last_stays(answers, route):
    assert [one["channels_last"] for one in answers("kinds", route)] == [True, True]


@pytest.mark.parametrize("route", ROUTES)
def test_gradients_in_channels_last_are_those_of_the_whole_batch(answers, route):
    x = X.clone().requires_grad_()
    y = torch.nn.functional.silu(whole(x))
    y.backward(DY)
    found = answers("last", route)
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one, _ in found)
    torch.testing.assert_close(torch.cat([one for one, _ in found]), y.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.cat([one for _, one in found]), x.grad, rtol=1e-12, atol=1e-12)


def test_without_a_momentum_all_batches_are_averaged(answers):
    for average, *_ in answers("state"):
        torch.testing.assert_close(average, 2 * X.mean((0, 2, 3)))


def test_without_statistics_training_is_by_the_whole_batch_and_evaluation_by_ones_own_as_in_torch(answers):
    found = answers("state")
    torch.testing.assert_close(torch.cat([training for _, training, _ in found]), whole(affine=False))
    for (*_, evaluated), own in zip(found, X.split(SHARDS), strict=True):
        torch.testing.assert_close(evaluated, whole(own, affine=False))


def test_evaluation_sends_nothing(answers):
    mean, var = 0.1 * X.mean((0, 2, 3)), 0.9 + 0.1 * X.var((0, 2, 3))
    expected = torch.nn.functional.batch_norm(X, mean, var)
    torch.testing.assert_close(answers("evaluation")[0], expected)


def test_autocast_gives_the_dtype_that_comes_in(answers):
    assert answers("autocast") == [(torch.bfloat16, True)] * 2


def test_processes_may_have_other_dtypes(answers):
    found = torch.cat(answers("other dtypes"))
    torch.testing.assert_close(found, whole(affine=False), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("route", ROUTES)
def test_a_source_of_ones_own_may_gather(answers, route):
    found = answers("own", route)
    torch.testing.assert_close(torch.cat([y for y, _ in found]), whole(affine=False), rtol=1e-12, atol=1e-12)
    for _, var in found:
        torch.testing.assert_close(var, 2 * X.var((0, 2, 3)))


def test_a_source_that_takes_a_mask_may_gather(answers):
    valid = (X[:, 0] > 0)[:, None]
    rows = X.movedim(1, -1)[valid[:, 0]]
    y = (X - rows.mean(0)[:, None, None]) / torch.sqrt(rows.var(0, correction=0) + 1e-5)[:, None, None]
    torch.testing.assert_close(torch.cat(answers("masked")), torch.where(valid, y, 0))


def test_a_source_that_cuts_the_batch_may_not_gather(answers):
    for said in answers("slices"):
        assert said.startswith("InputError: moments: expected a source that either cuts a batch (sizes) or gathers one")


def test_transforms_and_forward_mode_are_refused_instead_of_leaving_out_the_others(answers):
    for all_said in answers("transforms"):
        for said in all_said:
            assert "are not gathered inside a transform of torch.func or in forward mode" in said


def test_alone_it_is_batch_norm_bit_for_bit():
    layer, twin = bn.SyncBatchNorm(4, dtype=torch.float64), bn.BatchNorm2d(4, dtype=torch.float64)
    assert torch.equal(layer(X), twin(X))
    assert torch.equal(layer.running_var, twin.running_var)
