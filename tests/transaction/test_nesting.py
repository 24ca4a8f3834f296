"""Transactions within transactions, modules under two names, and buffers in two modules."""

import pytest
import torch
from torch import nn

from batchnorm.statistics import use_batch_statistics
from batchnorm.transaction import transaction

from .picture import disturb, make, picture, x


def test_the_inner_goes_back_to_what_the_outer_made():
    model = make()
    before = picture(model)
    with transaction(model) as outer:
        outer.evaluate()
        outer.on_input(model[4], lambda module, args: None)
        model[4].running_var.fill_(2.0)
        between = picture(model)
        with transaction(model):
            disturb(model)
        assert picture(model) == between
    assert picture(model) == before


def test_what_the_inner_keeps_stays_until_the_outer_ends():
    norm = nn.BatchNorm1d(2)
    with transaction(norm):
        with transaction(norm) as inner:
            norm.running_mean.fill_(3.0)
            inner.keep(norm.running_mean)
        assert torch.equal(norm.running_mean, torch.tensor([3.0, 3.0]))
    assert torch.equal(norm.running_mean, torch.zeros(2))


def test_both_may_keep():
    norm = nn.BatchNorm1d(2)
    with transaction(norm) as outer:
        with transaction(norm) as inner:
            norm.running_mean.fill_(3.0)
            norm.running_var.fill_(4.0)
            inner.keep(norm.running_mean)
        outer.keep(norm.running_mean, norm.running_var)
    assert torch.equal(norm.running_mean, torch.tensor([3.0, 3.0]))
    assert torch.equal(norm.running_var, torch.ones(2))


def raise_after(_, error):
    raise error


def test_an_exception_in_the_inner_that_the_outer_catches_leaves_the_outer_whole():
    model = make()
    before = picture(model)
    with transaction(model) as outer:
        outer.evaluate()
        between = picture(model)
        with pytest.raises(ValueError, match="inner"), transaction(model):
            raise_after(disturb(model), ValueError("inner"))
        assert picture(model) == between
    assert picture(model) == before


def test_a_part_of_a_model_has_its_own_transaction():
    model = make()
    before = picture(model)
    with transaction(model), transaction(model[1]) as part:
        part.evaluate()
        model.eval()
        model(x())
    assert picture(model) == before


def test_normalizing_by_the_batch_works_inside_and_outside():
    norm = nn.BatchNorm1d(4, affine=False).eval()
    before = picture(norm)
    expected = nn.BatchNorm1d(4, affine=False)(x())
    with transaction(norm), use_batch_statistics(norm):
        assert torch.equal(norm(x()), expected)
    with use_batch_statistics(norm), transaction(norm):
        assert torch.equal(norm(x()), expected)
    assert picture(norm) == before


def test_a_module_under_two_names_is_set_and_hooked_once():
    norm, seen = nn.BatchNorm1d(4), []
    model = nn.Sequential(norm, nn.ReLU(), norm)
    before = picture(model)
    with transaction(model) as change:
        change.evaluate()
        change.on_input(model[2], lambda module, args: seen.append(1))
        model(x())
    assert len(seen) == 2
    assert picture(model) == before


def test_a_buffer_in_two_modules_stays_one_also_when_it_is_kept_through_one_of_them():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    shared = model[0].running_mean
    model[1].running_mean = shared
    with transaction(model) as change:
        model[0].running_mean = torch.zeros(2)
        model[1].running_mean.fill_(3.0)
        change.keep(model[1].running_mean)
    assert model[0].running_mean is shared
    assert model[1].running_mean is shared
    assert torch.equal(shared, torch.tensor([3.0, 3.0]))


def test_buffers_that_share_memory_without_being_one_go_back():
    whole = torch.arange(6.0)
    model = nn.Module()
    model.register_buffer("left", whole[:4])
    model.register_buffer("right", whole[2:])
    before = picture(model)
    with transaction(model):
        model.left.fill_(9.0)
        model.right.mul_(2.0)
    assert picture(model) == before


def test_a_tied_parameter_keeps_its_gradient_and_its_tie():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    model(x()).sum().backward()
    before = picture(model)
    with transaction(model):
        model(x()).sum().backward()
        model[1].weight = nn.Parameter(torch.ones(4, 4))
    assert picture(model) == before
    assert model[1].weight is model[0].weight
