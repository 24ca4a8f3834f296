"""What stays of a model whose norms are converted, and what they compute."""

import copy

import pytest
import torch
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert, freeze, revert, unfreeze
from batchnorm.norms import is_frozen

from .odd_norms import Net, Plain, X

KINDS = {"norm": ours.BatchNorm2d, "blocks.1": ours.BatchNorm2d, "last": ours.BatchNorm1d, "cube": ours.BatchNorm3d}


def net():
    return Net().double()


def trained(model, steps=1):
    """Outputs, gradients and buffers of a training step."""
    model.train()
    for _ in range(steps):
        model.zero_grad()
        y = model(X)
        y.square().sum().backward()
    return [y.detach(), *(one.grad for one in model.parameters()), *(one.clone() for one in model.buffers())]


def test_norms_of_torch_become_layers_of_the_same_kind():
    model = net()
    convert(model)
    assert {name: type(model.get_submodule(name)) for name in KINDS} == KINDS


def test_a_norm_remains_the_object_that_it_is():
    model = net()
    norms = [model.norm, model.blocks[1], model.last, model.cube]
    convert(model)
    assert [id(norm) for norm in norms] == [id(model.get_submodule(name)) for name in KINDS]
    assert model.again is model.norm


def test_parameters_and_buffers_are_the_same_objects_under_the_same_names():
    model = net()
    before = {name: id(one) for name, one in (*model.named_parameters(), *model.named_buffers())}
    keys = [*model.state_dict()]
    convert(model)
    assert {name: id(one) for name, one in (*model.named_parameters(), *model.named_buffers())} == before
    assert [*model.state_dict()] == keys


def test_evaluation_gives_the_same_numbers():
    model = net().eval()
    before = model(X)
    convert(model)
    torch.testing.assert_close(model(X), before, rtol=1e-12, atol=1e-12)


def test_a_training_step_gives_the_same_outputs_gradients_and_buffers():
    model, twin = net(), net()
    convert(model)
    for one, other in zip(trained(model, 2), trained(twin, 2), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_an_optimizer_that_was_built_before_goes_on():
    model, twin = net(), net()
    optimizers = [torch.optim.Adam(one.parameters(), 0.01) for one in (model, twin)]
    for number, optimizer in enumerate(optimizers):
        one = (model, twin)[number]
        trained(one)
        optimizer.step()
        if one is model:
            convert(model)
        trained(one)
        optimizer.step()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def test_a_model_that_is_a_norm_itself_is_converted():
    norm = nn.BatchNorm2d(3)
    assert convert(norm).outcome_of("the model") == "converted"
    assert type(norm) is ours.BatchNorm2d


@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_state_dict_pre_hook",
    ],
)
def test_hooks_are_called_as_before_and_their_handles_take_them_away(register):
    norm, calls = nn.BatchNorm2d(3).double(), []
    handle = getattr(norm, register)(lambda *_: calls.append(register))
    convert(norm)

    def run():
        norm(X.clone().requires_grad_()).sum().backward()
        norm.state_dict()

    run()
    handle.remove()
    run()
    assert calls == [register]


@pytest.mark.parametrize("mode", [True, False])
def test_the_mode_stays(mode):
    norm = nn.BatchNorm2d(3).train(mode)
    convert(norm)
    assert norm.training is mode


def test_momentum_and_eps_stay():
    norm = nn.BatchNorm2d(3, momentum=None, eps=0.5)
    convert(norm)
    assert (norm.momentum, norm.eps) == (None, 0.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtypes_stay(dtype):
    norm = nn.BatchNorm2d(3).to(dtype)
    convert(norm)
    assert {one.dtype for one in norm.parameters()} == {dtype}


def test_a_norm_on_the_meta_device_is_converted():
    norm = nn.BatchNorm2d(3, device="meta")
    convert(norm)
    assert type(norm) is ours.BatchNorm2d
    assert norm.weight.is_meta


def test_a_subclass_without_code_of_its_own_is_converted_and_keeps_what_it_had():
    norm = Plain(3)
    seen = norm.seen
    convert(norm)
    assert type(norm) is ours.BatchNorm2d
    assert (norm.tag, norm.expansion, norm.eps, norm.momentum) == ("stem", 4, 1e-3, None)
    assert norm.seen is seen


def test_a_lazy_norm_is_converted_and_learns_its_channels_later():
    norm = nn.LazyBatchNorm2d()
    convert(norm)
    norm(X.float())
    assert type(norm) is ours.BatchNorm2d
    assert norm.num_features == 3


def test_a_frozen_norm_stays_frozen_and_can_be_released():
    model = net()
    freeze(model, affine=True, filter_fn=lambda norm, name: name != "last")
    convert(model)
    assert is_frozen(model.norm)
    assert not model.train().norm.training
    unfreeze(model.norm)
    assert model.train().norm.training
    assert model.norm.weight.requires_grad


def test_a_filter_takes_a_shared_norm_by_any_of_its_names():
    model = net()
    report = convert(model, filter_fn=lambda norm, name: name == "again")
    assert report.named("converted") == ("norm",)
    assert type(model.cube) is nn.BatchNorm3d


def test_options_go_to_the_new_layers():
    norm = nn.BatchNorm2d(3)
    convert(norm, moments="ghost:2", route="composed", activation="relu")
    assert (str(norm.moments), norm.route, norm.activation) == ("ghost:2", "composed", "relu")


def test_what_is_already_so_is_said_and_left():
    model = net()
    convert(model)
    before = {name: dict(vars(one)) for name, one in model.named_modules()}
    assert convert(model).named("already") == tuple(KINDS)
    assert {name: dict(vars(one)) for name, one in model.named_modules()} == before


def test_a_copy_that_was_made_before_is_not_converted():
    model = net()
    spare = copy.deepcopy(model)
    convert(model)
    assert type(spare.norm) is nn.BatchNorm2d


def test_code_that_was_compiled_before_hears_of_it():
    model = nn.Sequential(nn.BatchNorm2d(3)).double().eval()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    compiled(X)
    convert(model, activation="sigmoid")
    assert torch.equal(compiled(X), model(X))
    assert model(X).min() >= 0
    revert(model)
    assert torch.equal(compiled(X), model(X))
    assert model(X).min() < 0


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")])
def test_the_model_inside_a_wrapper_is_meant(wrap):
    model = net()
    assert convert(wrap(model)).named("converted") == tuple(KINDS)
    assert type(model.norm) is ours.BatchNorm2d


def test_a_graph_of_fx_calls_what_its_norms_have_become():
    graph = torch.fx.symbolic_trace(nn.Sequential(nn.BatchNorm2d(3)).double().eval())
    convert(graph, activation="sigmoid")
    assert graph(X).min() >= 0
