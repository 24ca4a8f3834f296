"""Do freezing and blocks get along, in any order, and blocks with other ways to write them?"""

import copy

import pytest
import torch
from torch import nn

from batchnorm import freeze, unfreeze
from batchnorm.norms import is_frozen
from batchnorm.statistics import no_statistics_update

from .nets import CONTEXTS, images, net, same, state, traces

NAMES = [name for name in CONTEXTS if name != "batch"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_model_that_is_frozen_in_a_block_stays_frozen_behind_it(norm, name):
    model = net(norm)
    before = state(model)
    with CONTEXTS[name](model):
        freeze(model)
        model.train()(images())
    assert is_frozen(model[1])
    model.train()(images())
    assert same(model, before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_model_that_is_frozen_and_released_around_a_block_is_as_before(norm, name):
    model = net(norm)
    before, tensors = traces(model), state(model)
    freeze(model)
    with CONTEXTS[name](model):
        model.train()(images())
    unfreeze(model)
    assert same(model, tensors)
    model.train()
    assert traces(model) == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_model_that_is_released_in_a_block_obeys_the_block(norm, name):
    model, plain = net(norm), net(norm)
    freeze(model)
    with CONTEXTS[name](model), CONTEXTS[name](plain):
        unfreeze(model)
        model.train()
        for seed in range(3):
            model(images(seed)), plain(images(seed))
    assert same(model, state(plain))
    model(images(5)), plain(images(5))
    assert same(model, state(plain))


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_block_may_be_a_decorator_of_a_function_that_is_called_often(norm, name):
    model, plain = net(norm), net(norm)
    before = traces(model)

    @CONTEXTS[name](model)
    def step(x):
        return model(x)

    for seed in range(2):
        step(images(seed))
        with CONTEXTS[name](plain):
            plain(images(seed))
    assert same(model, state(plain))
    assert traces(model) == before


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_model_may_have_the_block_in_its_own_forward(norm):
    class Student(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net(norm)

        def forward(self, x, y):
            with no_statistics_update(self.net):
                target = self.net(y).detach()
            return self.net(x) - target

    model, plain = Student(), net(norm)
    model(images(), images(1)).square().sum().backward()
    plain(images())
    assert same(model.net, state(plain))


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_norm_that_is_taken_out_of_the_model_in_a_block_is_as_before(name):
    model = net()
    norm = model[1]
    before = [one for one in traces(model) if one[0] == "1"]
    with CONTEXTS[name](model):
        model[1] = nn.Identity()
        model(images())
    assert traces(nn.Sequential(nn.Identity(), norm))[2:] == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_many_blocks_leave_as_little_as_one(norm, name):
    model = net(norm)
    before = traces(model)
    for _ in range(200):
        with CONTEXTS[name](model):
            pass
    assert traces(model) == before
    copied = copy.deepcopy(model)
    copied(images())
    model(images())
    assert same(model, state(copied))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_forward_without_the_models_hooks_is_in_the_block(norm, name):
    """`model.forward(x)` instead of `model(x)`."""
    model, plain = net(norm), net(norm)
    with CONTEXTS[name](model), CONTEXTS[name](plain):
        for seed in range(3):
            model.forward(images(seed)), plain(images(seed))
    assert same(model, state(plain))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_buffers_that_are_handed_in_are_the_ones_that_move(norm, name):
    """torch.func.functional_call puts other tensors in the place of the model's."""
    model, plain = net(norm), net(norm)
    before, given = state(model), {key: value.detach().clone() for key, value in net(norm).state_dict().items()}
    with CONTEXTS[name](model), CONTEXTS[name](plain):
        for seed in range(2):
            torch.func.functional_call(model, given, (images(seed),))
            plain(images(seed))
    assert same(model, before)
    right = state(plain)
    assert all(torch.equal(given[key], right[key]) for key in right)
