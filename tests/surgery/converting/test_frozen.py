"""What a conversion freezes, how long it stays so, and who else holds it."""

import pytest
import torch
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert, freeze, revert, unfreeze
from batchnorm.norms import is_frozen

from .odd_norms import COPIES, X, with_numbers


def tied():
    a, b = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    b.weight = a.weight
    return nn.Sequential(a, b)


def only(name):
    return lambda norm, one: one == name


@pytest.mark.parametrize(("first", "last"), ["01", "10"])
def test_a_weight_of_two_norms_is_trained_again_when_both_are_what_they_were(first, last):
    model = tied()
    convert(model, "frozen")
    revert(model, filter_fn=only(first))
    assert (model[0].weight.requires_grad, model[int(first)].bias.requires_grad) == (False, True)
    revert(model, filter_fn=only(last))
    assert all(one.requires_grad for one in model.parameters())


def test_a_weight_that_was_frozen_by_itself_before_is_held_until_both_are_released():
    model = tied()
    freeze(model, affine=True, filter_fn=only("1"))
    convert(model, "frozen", filter_fn=only("0"))
    revert(model)
    assert not model[0].weight.requires_grad
    unfreeze(model)
    assert model[0].weight.requires_grad


def test_a_weight_whose_other_norm_was_released_first_is_trained_again():
    model = tied()
    freeze(model, affine=True, filter_fn=only("1"))
    convert(model, "frozen", filter_fn=only("0"))
    unfreeze(model, filter_fn=only("1"))
    assert not model[0].weight.requires_grad
    revert(model)
    assert model[0].weight.requires_grad


def test_a_weight_that_only_shares_its_norm_with_held_statistics_is_trained_again():
    model = tied()
    freeze(model, filter_fn=only("1"))
    convert(model, "frozen", filter_fn=only("0"))
    revert(model)
    assert model[0].weight.requires_grad


WAYS = [(None, {}), ("torch", {}), ("sync", {}), ("ghost", {"size": 2}), (ours.BatchNorm2d, {})]


@pytest.mark.parametrize("between", ["group", "identity"])
@pytest.mark.parametrize(("to", "options"), WAYS)
@pytest.mark.parametrize("kind", [nn.BatchNorm2d, ours.BatchNorm2d, COPIES["detr"]])
def test_what_was_frozen_stays_so_whatever_it_has_been_meanwhile(kind, to, options, between):
    direct, other = (nn.Sequential(with_numbers(kind(3))).double() for _ in range(2))
    for model in (direct, other):
        convert(model, "frozen")
    convert(other, between)
    for model in (direct, other):
        convert(model, to, **options)
        assert is_frozen(model[0]), "the statistics"
        assert not any(one.requires_grad for one in model.parameters())
    assert type(other[0]) is type(direct[0])
    torch.testing.assert_close(other.train()(X), direct.train()(X))


@pytest.mark.parametrize("between", ["group", "identity"])
@pytest.mark.parametrize(("to", "options"), WAYS)
def test_it_is_released_by_the_way_back_all_the_same(to, options, between):
    model = nn.Sequential(nn.BatchNorm2d(3))
    before = {**vars(model[0])}
    for step in ("frozen", between):
        convert(model, step)
    convert(model, to, **options)
    revert(model)
    assert type(model[0]) is nn.BatchNorm2d
    assert vars(model[0]).keys() == before.keys()
    assert all(one.requires_grad for one in model.parameters())
