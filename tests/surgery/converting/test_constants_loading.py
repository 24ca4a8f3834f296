"""Older checkpoints of frozen norms, which their own class reads in another way than newer ones."""

import copy
import io

import pytest
import torch
from torch import nn

from batchnorm import convert, revert

from .odd_norms import Frozen2dOfThreeVersions, Frozen2dThatCorrectsItself, Frozen2dThatTurns, X, with_numbers

TARGETS = [None, "frozen", "torch", "group", "identity"]


def net(kind):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), with_numbers(kind(4))).double()


def converted(kind, to=None):
    model = net(kind)
    assert convert(model, to).named("converted") == ("1",)
    return model


def checkpoint(version, without=()):
    """One that a version of the class has written; None: by somebody who keeps no versions."""
    state = net(Frozen2dOfThreeVersions).state_dict()
    for name, tensor in state.items():
        tensor.copy_(torch.full_like(tensor, 0.25 if name.endswith("running_mean") else 0.98))
    for name in without:
        del state[f"1.{name}"]
    if version is None:
        del state._metadata
    else:
        state._metadata["1"]["version"] = version
    return state


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize(("version", "variance"), [(None, 0.98), (1, 0.98), (2, 0.97), (3, 0.98)])
@pytest.mark.parametrize("kind", [Frozen2dOfThreeVersions, Frozen2dThatCorrectsItself])
def test_a_checkpoint_of_each_version_is_read_as_by_the_class(kind, version, variance, to):
    model = converted(kind, to)
    model.load_state_dict(checkpoint(version))
    torch.testing.assert_close(model[1].running_var, torch.full((4,), variance).double())


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("version", [None, 1])
def test_what_the_class_adds_to_its_first_checkpoints_is_added(version, to):
    model = converted(Frozen2dOfThreeVersions, to)
    model.load_state_dict(checkpoint(version, without=("running_mean", "running_var")))
    assert model[1].running_mean.tolist() == [0] * 4
    assert model[1].running_var.tolist() == [1] * 4


@pytest.mark.parametrize("to", TARGETS)
def test_what_is_missing_later_is_missing(to):
    model = converted(Frozen2dOfThreeVersions, to)
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "1\.running_var"\. *$'):
        model.load_state_dict(checkpoint(3, without=("running_var",)))


def test_tensors_that_are_to_be_assigned_are_the_norms_own():
    model = converted(Frozen2dOfThreeVersions)
    state = checkpoint(3)
    model.load_state_dict(state, assign=True)
    assert model[1].running_var is state["1.running_var"]


def pickled(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("again", [copy.deepcopy, pickled])
def test_copies_load_into_their_own_tensors(again):
    model = converted(Frozen2dOfThreeVersions)
    before, other = model[1].running_var.clone(), again(model)
    other.load_state_dict(checkpoint(2))
    assert other[1].running_var.tolist() == pytest.approx([0.97] * 4)
    assert torch.equal(model[1].running_var, before)


def test_hooks_on_its_loading_are_called_once():
    model, calls = net(Frozen2dOfThreeVersions), []
    model[1].register_load_state_dict_pre_hook(lambda *given: calls.append(given[2]))
    convert(model)
    model.load_state_dict(checkpoint(2))
    assert calls == ["1."]


def test_what_it_becomes_next_reads_them_so_too_until_it_is_what_it_was():
    model = net(Frozen2dOfThreeVersions)
    for to in ("torch", "group", None, "sync", "ghost"):
        convert(model, to, **({"size": 2} if to == "ghost" else {}))
        model.load_state_dict(checkpoint(2))
        assert model[1].running_var.tolist() == pytest.approx([0.97] * 4), to
    revert(model)
    assert "_load_from_state_dict" not in vars(model[1])


def test_a_checkpoint_that_changes_the_formula_is_refused():
    model, twin = converted(Frozen2dThatTurns), net(Frozen2dThatTurns)
    model.load_state_dict(twin.state_dict())
    torch.testing.assert_close(model(X), twin(X))
    with pytest.raises(
        RuntimeError, match=r"which this was before it was converted, sets its eps, too\. Load it before"
    ):
        model.load_state_dict({**twin.state_dict()})
