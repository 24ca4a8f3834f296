"""What `freeze` and `unfreeze` refuse: one sentence each, and the model as before."""

import pytest
import torch
from torch import nn

import batchnorm.nn as ours
from batchnorm import fold, freeze, unfreeze
from batchnorm.errors import InputError


def net():
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3, track_running_stats=False))


@pytest.mark.parametrize("verb", [freeze, unfreeze])
@pytest.mark.parametrize(
    ("model", "filter_fn", "kind", "message"),
    [
        (3, None, TypeError, "model: expected a torch.nn.Module, got int"),
        (nn.Linear(1, 1), None, ValueError, "model: expected a model with batch norms, got one that has none"),
        (net(), "1", TypeError, "filter_fn: expected a function of a norm and its name, got a str"),
        (
            net(),
            lambda norm, name: name == "0",
            ValueError,
            r"got one that takes none of 1, 2\. filter_fn\(norm, name\) is",
        ),
        (nn.LazyBatchNorm1d(), None, RuntimeError, r"LazyBatchNorm1d\), which has seen no batch yet\. Run one batch"),
        (ours.LazyBatchNorm1d(), None, RuntimeError, r"LazyBatchNorm1d\), which has seen no batch yet\. Run one"),
    ],
)
def test_what_cannot_be_meant_is_refused(verb, model, filter_fn, kind, message):
    with pytest.raises(kind, match=f"^{verb.__name__}: .*{message}"):
        verb(model, filter_fn=filter_fn)


@pytest.mark.parametrize("verb", [freeze, unfreeze])
def test_a_model_that_has_its_norms_in_its_weights_is_told_from_one_without(verb):
    model, x = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval(), torch.randn(4, 3)
    fold(model, x)
    with pytest.raises(InputError, match=r"got a folded one, .* Call batchnorm\.unfold before\.$"):
        verb(model)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("verb", [freeze, unfreeze])
def test_a_script_is_refused(verb):
    with pytest.raises(ValueError, match=r"expected modules written in Python, got the model of torch\.jit"):
        verb(torch.jit.script(nn.BatchNorm1d(3)))


def test_a_norm_without_statistics_is_named_and_nothing_is_frozen():
    model = net()
    with pytest.raises(RuntimeError, match=r"got 2 \(BatchNorm1d\), which has neither running_mean nor running_var"):
        freeze(model)
    assert model[1].training


def test_a_norm_without_statistics_may_be_left_out():
    assert freeze(net(), filter_fn=lambda norm, _: norm.track_running_stats).statistics == ("1",)


def test_the_parameters_of_a_norm_without_statistics_are_frozen():
    model = net()
    assert freeze(model, statistics=False, affine=True).parameters == ("1.weight", "1.bias", "2.weight", "2.bias")


def test_nothing_to_freeze_is_refused():
    with pytest.raises(ValueError, match=r"got neither statistics nor affine\. Pass affine=True to"):
        freeze(nn.BatchNorm1d(3), statistics=False)


def test_parameters_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="affine: expected norms with parameters, got only norms without weight and"):
        freeze(nn.BatchNorm1d(3, affine=False), statistics=False, affine=True)


@pytest.mark.parametrize("argument", ["statistics", "affine"])
def test_what_is_no_bool_is_refused(argument):
    with pytest.raises(TypeError, match=f"{argument}: expected True or False, got a str"):
        freeze(nn.BatchNorm1d(3), **{argument: "no"})


def test_what_a_filter_raises_is_heard_and_nothing_is_frozen():
    def odd(norm, name):
        raise KeyError(name)

    model = nn.Sequential(nn.BatchNorm1d(3))
    with pytest.raises(KeyError, match="0"):
        freeze(model, filter_fn=odd)
    assert model[0].training


def test_releasing_what_is_not_frozen_changes_nothing_and_says_so():
    model = net()
    before = [{**vars(module)} for module in model]
    record = unfreeze(model.eval())
    assert (record.statistics, record.parameters, record.already) == ((), (), ("1", "2"))
    assert [vars(module) | {"training": True} for module in model] == before
