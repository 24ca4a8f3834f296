"""Any of an operation's actions, made and taken back: numbers, parameters, modules in all their places."""

import itertools

import pytest
import torch
from torch import nn

from batchnorm.surgery._actions import MakeParameter, PutModule, SetNumbers
from batchnorm.surgery._operation import Operation

from .test_fold import assert_same, picture


def net():
    act = nn.ReLU()
    return nn.Sequential(nn.Linear(2, 2, bias=False), act, nn.Linear(2, 2), act)


ACTIONS = (
    SetNumbers("0.weight", torch.full((2, 2), 0.1, dtype=torch.float64)),
    MakeParameter("0.bias", torch.ones(2), requires_grad=True),
    PutModule(("1", "3"), nn.Tanh()),
)


def operation_on(model):
    return Operation(model, ["0.weight", "0.bias"], ["1"])


def subsets():
    return [some for size in range(len(ACTIONS) + 1) for some in itertools.combinations(ACTIONS, size)]


@torch.no_grad()
@pytest.mark.parametrize("first", subsets(), ids=len)
def test_what_was_made_before_has_no_part_in_what_is_made_now(first):
    model = net()
    untouched = picture(model)
    operation = operation_on(model)
    for second in subsets():
        operation.carry_out(first)
        operation.carry_out(second)
        names = {action.places[0] for action in second}
        assert (model[0].bias is not None) == ("0.bias" in names)
        assert (type(model[1]) is nn.Tanh) == ("1" in names) == (model[3] is model[1] and type(model[3]) is nn.Tanh)
        assert bool((model[0].weight == torch.tensor(0.1)).all()) == ("0.weight" in names)
    operation.carry_out(())
    assert_same(picture(model), untouched)


@torch.no_grad()
def test_numbers_are_written_into_the_tensor_that_is_there():
    model = net()
    weight = model[0].weight
    operation_on(model).carry_out(ACTIONS)
    assert model[0].weight is weight
    assert weight.dtype is torch.float32


@torch.no_grad()
def test_an_error_between_two_actions_can_be_taken_back():
    model = net()
    before = picture(model)
    operation = operation_on(model)

    def broken():
        yield ACTIONS[0]
        yield ACTIONS[2]
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        operation.carry_out(broken())
    operation.carry_out(())
    assert_same(picture(model), before)
