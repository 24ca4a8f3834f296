"""What do the contexts do to the statistics, alone and in each other, in either mode, by any momentum?"""

import copy
import itertools

import pytest
import torch

from batchnorm.statistics import (
    accumulate_statistics,
    blended_statistics,
    no_statistics_update,
    skip_nonfinite,
    use_batch_statistics,
)

from .nets import CONTEXTS, NORMS, images, net, same, state


@pytest.fixture(params=NORMS)
def model(request):
    return net(request.param)


@pytest.fixture(params=CONTEXTS)
def context(request):
    return CONTEXTS[request.param]


BAD = float("inf")


def expected_of(model, *batches):
    twin = copy.deepcopy(model).train()
    for x in batches:
        twin(x)
    return state(twin)


@pytest.mark.parametrize("momentum", [0.1, None, 0.0, 1.0])
@pytest.mark.parametrize("norm", NORMS)
def test_nothing_moves_without_update(norm, momentum):
    model = net(norm, momentum=momentum)
    before = state(model)
    with no_statistics_update(model):
        model(images())
    assert same(model, before)


def test_the_outputs_are_those_of_training(model, context):
    twin = copy.deepcopy(model)
    with context(model):
        found = model(images())
    assert torch.equal(found, twin(images()))


@pytest.mark.parametrize("name", ["no update", "skip", "accumulate"])
def test_in_evaluation_a_block_changes_nothing(model, name):
    model.eval()
    before, expected = state(model), model(images())
    with CONTEXTS[name](model):
        assert torch.equal(model(images()), expected)
    assert same(model, before)


def test_finite_batches_move_to_the_same_bits_under_the_guard(model):
    right = expected_of(model, images(), images(1))
    with skip_nonfinite(model):
        model(images())
        model(images(1))
    assert same(model, right)


@pytest.mark.parametrize("momentum", [0.1, None, 0.0, 1.0])
@pytest.mark.parametrize("norm", NORMS)
def test_an_infinity_is_skipped_whatever_the_momentum(norm, momentum):
    model = net(norm, momentum=momentum)
    before = state(model)
    with skip_nonfinite(model):
        model(images() * BAD)
    assert same(model, before)


@pytest.mark.parametrize("momentum", [None, 0.0, 0.25, 1.0])
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_window_of_one_is_an_ordinary_batch(norm, momentum):
    model = net(norm, momentum=momentum)
    right = expected_of(model, images(), images(1))
    with accumulate_statistics(model, 1):
        model(images())
        model(images(1))
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, right[key], rtol=1e-5, atol=1e-6)


def test_a_momentum_of_zero_still_counts_its_windows():
    model = net(momentum=0.0)
    before = state(model)
    with accumulate_statistics(model, 2):
        for seed in range(4):
            model(images(seed))
    assert torch.equal(model[1].running_mean, before["1.running_mean"])
    assert model[1].num_batches_tracked == 2


@pytest.mark.parametrize("inner", CONTEXTS)
def test_nothing_moves_in_any_block_inside_one_without_update(model, inner):
    before = state(model)
    with no_statistics_update(model), CONTEXTS[inner](model):
        model(images())
        model(images(1))
    assert same(model, before)


@pytest.mark.parametrize("outer", CONTEXTS)
def test_nothing_moves_without_update_inside_any_block(model, outer):
    before = state(model)
    with CONTEXTS[outer](model), no_statistics_update(model):
        model(images())
        model(images(1))
    assert same(model, before)


@pytest.mark.parametrize("guard_first", [True, False])
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_batch_that_is_skipped_is_a_forward_of_its_window(norm, guard_first):
    """So that windows stay in step with the optimizer; what is left of the window counts alone."""
    model, right = net(norm), net(norm)
    with accumulate_statistics(right, 1):
        right(images())
        right(images(1))
    blocks = [skip_nonfinite, lambda model: accumulate_statistics(model, 2)]
    one, two = blocks if guard_first else reversed(blocks)
    with one(model), two(model):
        model(images())
        model(images() * BAD)
        assert model[1].num_batches_tracked == 1
        model(images(1))
    assert same(model, state(right))


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_window_of_which_all_is_skipped_moves_nothing(norm):
    model = net(norm)
    before = state(model)
    with accumulate_statistics(model, 2), skip_nonfinite(model):
        model(images() * BAD)
        model(images() * BAD)
    assert same(model, before)


@pytest.mark.parametrize(("outer", "inner"), [*itertools.product(["skip", "accumulate"], repeat=2)])
def test_blocks_in_each_other_move_finite_statistics(model, outer, inner):
    with CONTEXTS[outer](model), CONTEXTS[inner](model):
        for seed in range(4):
            model(images(seed))
    assert all(buffer.isfinite().all() for buffer in model.buffers())
    assert model[1].num_batches_tracked == {("skip", "skip"): 4, ("accumulate", "accumulate"): 1}.get((outer, inner), 2)


def test_windows_of_windows_hold_all_their_samples():
    model, right = net(momentum=1.0), net(momentum=1.0)
    batches = [images(seed) for seed in range(4)]
    with accumulate_statistics(model, 2), accumulate_statistics(model, 2):
        for x in batches:
            model(x)
    right(torch.cat(batches))
    torch.testing.assert_close(model[1].running_mean, right[1].running_mean)
    torch.testing.assert_close(model[1].running_var, right[1].running_var)


@pytest.mark.parametrize("name", ["no update", "skip", "accumulate"])
def test_modes_are_the_callers_inside_a_block(model, name):
    with CONTEXTS[name](model):
        before = state(model)
        model.eval()
        assert torch.equal(model(images()), copy.deepcopy(model)(images()))
        assert same(model, before)
        model.train()
        assert all(module.training for module in model.modules())
    assert all(module.training for module in model.modules())


def test_only_forwards_in_training_are_in_a_window(model):
    right = copy.deepcopy(model)
    with accumulate_statistics(right, 2):
        right(images())
        right(images(1))
    with accumulate_statistics(model, 2):
        model.train()(images())
        model.eval()(images(5))
        model.train()(images(1))
    assert same(model, state(right))


def test_blending_acts_in_evaluation_alone(model):
    twin = copy.deepcopy(model)
    with blended_statistics(model, 0.3):
        assert torch.equal(model(images()), twin(images()))
        assert same(model, state(twin))
        assert not torch.equal(model.eval()(images()), twin.eval()(images()))


def test_the_innermost_blend_counts_and_behind_it_the_outer_one(model):
    model.eval()
    with blended_statistics(model, 0.1):
        expected = model(images())
    with blended_statistics(model, 0.7):
        right = model(images())
    with blended_statistics(model, 0.1):
        with blended_statistics(model, 0.7):
            assert torch.equal(model(images()), right)
        assert torch.equal(model(images()), expected)


@pytest.mark.parametrize("norm", ["torch", "ours", "relu"])  # slices are no blend of a whole batch
def test_batch_statistics_are_a_blend_of_one(norm):
    model = net(norm).eval()
    with use_batch_statistics(model):
        expected = model(images())
    with blended_statistics(model, 1.0):
        torch.testing.assert_close(model(images()), expected)


def test_a_blend_of_nothing_is_evaluation(model):
    expected = model.eval()(images())
    with blended_statistics(model, 0.0):
        torch.testing.assert_close(model(images()), expected)


def test_nan_in_the_buffers_stays_where_it_is(model, context):
    model[1].running_mean[0] = float("nan")
    with context(model):
        model(images())
        model(images(1))
    assert model[1].running_mean.isnan().tolist() == [True, False, False]
    assert model[1].running_var.isfinite().all()


def test_a_norm_in_evaluation_takes_no_part(model, context):
    model[1].eval()
    before = state(model[1])
    with context(model):
        model(images())
        model(images(1))
    assert same(model[1], before)
    assert not model[1].training


def test_statistics_that_are_loaded_inside_a_block_stay(model, context):
    other = state(net(next(name for name in NORMS if repr(net(name)) == repr(model))))
    other["1.running_mean"] = torch.full((3,), 7.0)
    with context(model):
        model.load_state_dict(other)
    assert same(model, other)


def test_gradients_are_those_of_training(model, context):
    twin = copy.deepcopy(model)
    twin(images()).square().sum().backward()
    with context(model):
        model(images()).square().sum().backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)


@pytest.mark.parametrize("name", ["no update", "skip", "accumulate"])
def test_one_norm_called_twice_in_a_forward_is_asked_twice(name):
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(1, momentum=1.0)

        def forward(self, x):
            return self.norm(self.norm(x) + x)

    model = Twice()
    with CONTEXTS[name](model):
        model(images())
        model(images(1))
    assert model.norm.num_batches_tracked == {"no update": 0, "skip": 4, "accumulate": 1}[name]


def test_calls_of_one_forward_are_one_entry_of_a_window():
    class Views(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(1, momentum=1.0)

        def forward(self, x, y):
            return self.norm(x), self.norm(y)

    model, right = Views(), torch.nn.BatchNorm2d(1, momentum=1.0)
    batches = [images(seed) for seed in range(4)]
    with accumulate_statistics(model, 2):
        model(batches[0], batches[1])
        assert model.norm.num_batches_tracked == 0
        model(batches[2], batches[3])
        assert model.norm.num_batches_tracked == 1
    right(torch.cat(batches))
    torch.testing.assert_close(model.norm.running_mean, right.running_mean)
    torch.testing.assert_close(model.norm.running_var, right.running_var)


def test_a_norm_that_only_some_forwards_call_fills_its_own_window():
    class Sometimes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.always, self.rare = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1, momentum=1.0)

        def forward(self, x, rare):
            return self.rare(x) if rare else self.always(x)

    model, right = Sometimes(), torch.nn.BatchNorm2d(1, momentum=1.0)
    with accumulate_statistics(model, 2):
        model(images(), True)
        model(images(1), False)
        model(images(2), True)
        assert model.rare.num_batches_tracked == 1
        assert model.always.num_batches_tracked == 0
    assert model.always.num_batches_tracked == 1
    right(torch.cat([images(), images(2)]))
    torch.testing.assert_close(model.rare.running_mean, right.running_mean)
    torch.testing.assert_close(model.rare.running_var, right.running_var)


def test_a_model_of_which_no_norm_is_called_keeps_its_statistics(model):
    before = state(model)
    with accumulate_statistics(model, 2):
        pass
    assert same(model, before)


@pytest.mark.parametrize("name", ["no update", "skip", "accumulate"])
def test_a_batch_given_by_name_is_a_batch(name):
    norm, twin = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1)
    for one, call in ((norm, lambda n, x: n(input=x)), (twin, lambda n, x: n(x))):
        with CONTEXTS[name](one):
            call(one, images())
            call(one, images(1))
    assert same(norm, state(twin))
    assert norm.running_mean.isfinite().all()


def test_a_single_value_per_channel_is_refused_as_ever(model, context):
    with context(model), pytest.raises(ValueError, match="more than 1 value"):
        model[1](torch.zeros(1, 3, 1, 1))


def test_an_empty_batch_does_what_it_does_elsewhere(context):
    model, twin = net(), net()
    x = torch.zeros(0, 1, 6, 6)
    try:
        twin(x)
    except ValueError as error:
        with context(model), pytest.raises(ValueError, match=str(error)[:20]):
            model(x)
        return
    with context(model):
        model(x)
    assert all(buffer.isfinite().all() for buffer in model.buffers())
