"""Is each mistake told in one message, and nothing changed?"""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm.errors import InputError, InputTypeError, RefusedError
from batchnorm.statistics import accumulate_statistics, blended_statistics, checkpoint_safe, freeze

from .nets import CONTEXTS, images, net, same, state, traces

NAMES = [name for name in CONTEXTS if name != "batch"]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.mark.parametrize("given", [None, 3, nn.BatchNorm2d, [nn.BatchNorm2d(1)], {}], ids=repr)
def test_what_is_no_module_is_named(name, given):
    with pytest.raises(InputTypeError, match=r"model: expected a torch\.nn\.Module, got"), CONTEXTS[name](given):
        pass


@pytest.mark.parametrize(
    "model", [nn.Linear(1, 1), nn.Sequential(), nn.BatchNorm1d(2, track_running_stats=False), nn.InstanceNorm1d(2)]
)
@pytest.mark.parametrize("name", ["no update", "skip", "accumulate", "blend"])
def test_a_model_without_norms_is_named(name, model):
    with pytest.raises(InputError, match=rf"model: expected .*{type(model).__name__}"), CONTEXTS[name](model):
        pass


@pytest.mark.parametrize("steps", [True, False, 1.5, 2.0, "2", None, np.float64(2), torch.tensor(2.0)], ids=repr)
def test_steps_that_are_no_integer_are_refused(steps):
    model = net()
    before = traces(model)
    with pytest.raises(InputTypeError, match=r"steps: expected .*integer"), accumulate_statistics(model, steps):
        pass
    assert traces(model) == before


@pytest.mark.parametrize("steps", [0, -1, -(10**30)])
def test_steps_below_one_are_refused(steps):
    model = net()
    with pytest.raises(InputError, match=rf"steps: expected .*at least 1, got {steps}"):
        accumulate_statistics(model, steps).__enter__()


@pytest.mark.parametrize("steps", [np.int64(2), torch.tensor(2)], ids=repr)
def test_an_integer_of_another_library_is_one(steps):
    model, twin = net(), net()
    with accumulate_statistics(model, steps), accumulate_statistics(twin, 2):
        for seed in range(3):
            model(images(seed)), twin(images(seed))
    assert same(model, state(twin))


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan"), float("inf")])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    model = net()
    before = traces(model)
    with pytest.raises(ValueError, match=r"alpha.*0.*1"), blended_statistics(model, alpha):
        pass
    assert traces(model) == before


@pytest.mark.parametrize("alpha", ["0.1", None, [0.1], True], ids=repr)
def test_an_alpha_that_is_no_number_is_refused(alpha):
    with pytest.raises(TypeError, match="alpha"), blended_statistics(net(), alpha):
        pass


@pytest.mark.parametrize("lazy", [nn.LazyBatchNorm2d, __import__("batchnorm").nn.LazyBatchNorm2d])
def test_a_lazy_norm_is_named_before_anything_begins(name, lazy):
    model = nn.Sequential(nn.BatchNorm2d(1), lazy())
    before = traces(model)
    with (
        pytest.raises(RuntimeError, match=r"1 \(LazyBatchNorm2d\), which has seen no batch yet"),
        CONTEXTS[name](model),
    ):
        pass
    assert traces(model) == before


def test_a_model_of_torchscript_is_named(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        model = torch.jit.script(net().eval())
    with pytest.raises(ValueError, match=r"torch\.jit"), CONTEXTS[name](model):
        pass


@pytest.mark.parametrize("enabled", [True, False])
def test_checkpoint_safe_names_what_is_no_module(enabled):
    with pytest.raises(InputTypeError, match=r"model: expected a torch\.nn\.Module, got int"):
        checkpoint_safe(3, enabled=enabled)


def test_checkpoint_safe_names_a_filter_that_matches_nothing():
    model = net()
    before, tensors = traces(model), state(model)
    with pytest.raises(InputError, match="filter_fn"):
        checkpoint_safe(model, filter_fn=lambda *_: False)
    assert traces(model) == before
    assert same(model, tensors)


def test_checkpoint_safe_names_a_model_without_norms():
    with pytest.raises(InputError, match="model: expected a model with batch norm"):
        checkpoint_safe(nn.Linear(1, 1))


@pytest.mark.parametrize("kind", ["torch", "ours"])
def test_an_exported_model_whose_graph_calls_no_norm_is_refused(kind):
    exported = torch.export.export(net(kind).train(), (images(),)).module()
    before = state(exported)
    refused = pytest.raises(RefusedError, match=r"model: expected norms that are called as modules, got .* export")
    for name in ("no update", "skip", "accumulate", "blend"):
        with refused, CONTEXTS[name](exported):
            pass
    for verb in (freeze, checkpoint_safe):
        with refused:
            verb(exported)
    assert same(exported, before)
