"""What `freeze` keeps in training, and what `unfreeze` gives back."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

import batchnorm.nn as ours
from batchnorm import freeze, unfreeze
from batchnorm.norms import is_frozen

NORMS = {
    "torch 1d": (nn.BatchNorm1d, (4, 3)),
    "torch 2d": (nn.BatchNorm2d, (4, 3, 2, 2)),
    "torch 3d": (nn.BatchNorm3d, (4, 3, 2, 2, 2)),
    "ours 1d": (ours.BatchNorm1d, (4, 3)),
    "ours 2d": (ours.BatchNorm2d, (4, 3, 2, 2)),
    "ours 3d": (ours.BatchNorm3d, (4, 3, 2, 2, 2)),
}


@pytest.fixture(params=NORMS)
def kind(request):
    return NORMS[request.param]


def net(norm=nn.BatchNorm2d, shape=(4, 3, 2, 2)):
    torch.manual_seed(0)
    built = nn.Sequential(norm(3), nn.Dropout(0.0))
    with torch.no_grad():
        built[0].running_mean.copy_(torch.tensor([0.5, -1.0, 2.0]))
        built[0].running_var.copy_(torch.tensor([0.5, 1.0, 2.0]))
    return built, torch.randn(shape)


def moved(model: nn.Module, x: Tensor) -> bool:
    """Whether a training forward moves anything that the first layer holds."""
    before = [buffer.clone() for buffer in model[0].buffers()]
    model.train()
    model(x)
    return not all(map(torch.equal, before, model[0].buffers()))


def test_the_statistics_of_a_frozen_norm_stay_in_training(kind):
    model, x = net(*kind)
    freeze(model)
    assert not moved(model, x)


def test_a_frozen_norm_normalizes_by_its_running_statistics_in_training(kind):
    model, x = net(*kind)
    freeze(model)
    column = [1, 3, *[1] * (x.dim() - 2)]
    mean, var = (buffer.double().view(column) for buffer in (model[0].running_mean, model[0].running_var))
    expected = (x.double() - mean) / (var + model[0].eps).sqrt()
    torch.testing.assert_close(model.train()(x).double(), expected, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_a_frozen_norm_is_that_of_constants(kind):
    model, x = net(*kind)
    freeze(model)
    x.requires_grad_()
    model.train()(x).sin().sum().backward()
    column = [1, 3, *[1] * (x.dim() - 2)]
    mean, var = (buffer.double().view(column) for buffer in (model[0].running_mean, model[0].running_var))
    scale = 1 / (var + model[0].eps).sqrt()
    expected = ((x.detach().double() - mean) * scale).cos() * scale
    torch.testing.assert_close(x.grad.double(), expected, rtol=1e-5, atol=1e-6)


def test_an_unfrozen_norm_moves_again(kind):
    model, x = net(*kind)
    freeze(model)
    unfreeze(model)
    assert moved(model, x)


def test_a_frozen_norm_reads_as_in_evaluation_and_all_else_follows_the_model():
    model, _ = net()
    freeze(model)
    model.train()
    assert [module.training for module in model.modules()] == [True, False, True]


def test_freezing_and_unfreezing_leaves_every_attribute_as_it_was(kind):
    model, _ = net(*kind)
    before = dict(vars(model[0]))
    freeze(model, affine=True)
    unfreeze(model)
    assert vars(model[0]) == before


def test_a_copy_of_a_frozen_model_is_frozen_and_its_own():
    model, x = net()
    freeze(model)
    copied = copy.deepcopy(model)
    unfreeze(model)
    assert (moved(copied, x), moved(model, x)) == (False, True)


def test_a_shallow_copy_that_stays_frozen_does_not_switch_the_norm_that_was_released():
    norm = nn.BatchNorm1d(3)
    freeze(norm)
    copied = copy.copy(norm)
    unfreeze(norm)
    norm.train()
    copied.train()
    assert (norm.training, copied.training) == (True, False)


def test_a_pickle_of_a_frozen_model_is_frozen():
    model, x = net()
    freeze(model)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  # ours
    assert is_frozen(again[0])
    assert not moved(again, x)


def test_a_pickle_of_a_frozen_model_names_nothing_private():
    model, _ = net()
    freeze(model, affine=True)
    assert b"batchnorm.norms\n" in (written := pickle.dumps(model, protocol=0))
    assert b"_frozen\n" not in written


def test_affine_gives_back_what_each_parameter_was():
    model, _ = net()
    model[0].bias.requires_grad_(False)
    freeze(model, affine=True)
    frozen = (model[0].weight.requires_grad, model[0].bias.requires_grad)
    unfreeze(model)
    assert (frozen, model[0].weight.requires_grad, model[0].bias.requires_grad) == ((False, False), True, False)


def test_a_result_names_what_was_changed_and_what_was_so_before():
    model, _ = net()
    first, second = freeze(model), freeze(model, affine=True)
    assert (first.statistics, first.parameters, second.statistics, second.parameters, freeze(model).already) == (
        ("0",),
        (),
        (),
        ("0.weight", "0.bias"),
        ("0",),
    )


def test_parameters_that_are_frozen_already_are_not_taken_again():
    model, _ = net()
    freeze(model, affine=True)
    assert freeze(model, affine=True).already == ("0",)


def test_freezing_again_forgets_nothing():
    model, _ = net()
    freeze(model, statistics=False, affine=True)
    freeze(model)
    unfreeze(model)
    assert model[0].weight.requires_grad
