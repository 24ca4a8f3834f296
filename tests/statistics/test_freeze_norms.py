"""Norms of all kinds are frozen and released: with a `train` of their own, parametrized, shared, of other libraries."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import batchnorm.nn as ours
from batchnorm import freeze, unfreeze
from batchnorm.norms import is_frozen


class Scaled(nn.Module):
    """A parametrization with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, weight):
        return self.factor * weight


class WithActivation(nn.BatchNorm1d):
    """A norm with children."""

    def __init__(self, channels):
        super().__init__(channels)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(super().forward(x))


class Tabled(nn.BatchNorm1d):
    """Makes a table in its own `train(False)`, and throws it away in `train(True)`."""

    table = None

    def train(self, mode=True):
        self.table = None if mode else self.running_mean + 1
        return super().train(mode)


class Counted(WithActivation):
    """Counts in a tensor of its own how often it is switched."""

    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("switched", torch.zeros(()))

    def train(self, mode=True):
        self.switched += 1
        return super().train(mode)


class Stubborn(nn.BatchNorm1d):
    """Stays in training, whatever it is told."""

    def train(self, mode=True):
        return super().train(True)


class Restless(nn.BatchNorm1d):
    """Moves its statistics in evaluation, too."""

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, training=True)


class NormEval(nn.Sequential):
    """Keeps its norms in evaluation by its own `train`, as many detectors do."""

    def train(self, mode=True):
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
        return self


def moved(model, x):
    before = [buffer.clone() for buffer in model.buffers()]
    model.train()
    model(x)
    return not all(map(torch.equal, before, model.buffers()))


def test_children_of_a_frozen_norm_follow_the_model():
    model = nn.Sequential(WithActivation(3))
    freeze(model)
    modes = [(model.train(mode)[0].training, model[0].drop.training) for mode in (True, False, True)]
    assert modes == [(False, True), (False, False), (False, True)]


@pytest.mark.parametrize("kind", [WithActivation, Counted])
@pytest.mark.parametrize("verb", [freeze, lambda model: (freeze(model), unfreeze(model))])
def test_freezing_and_releasing_leave_the_modes_of_children(verb, kind):
    model = nn.Sequential(kind(3))
    model[0].drop.eval()
    verb(model)
    assert not model[0].drop.training


def test_a_norm_with_a_train_of_its_own_is_switched_by_it():
    norm = Tabled(3)
    freeze(nn.Sequential(norm).train())
    frozen = norm.table is not None
    unfreeze(nn.Sequential(norm))
    assert (frozen, norm.table) == (True, None)


def test_a_norm_that_stays_in_training_is_frozen_all_the_same():
    model, x = nn.Sequential(Stubborn(3)), torch.randn(4, 3)
    freeze(model)
    still = not moved(model, x) and not model[0].training
    unfreeze(model)
    assert (still, moved(model, x)) == (True, True)


def test_a_norm_whose_train_somebody_has_replaced_has_that_back():
    norm = nn.BatchNorm1d(3)
    theirs = norm.train = lambda mode=True: norm
    freeze(norm)
    held = is_frozen(norm)
    unfreeze(norm)
    assert (held, vars(norm)["train"]) == (True, theirs)


def test_a_train_that_somebody_has_put_there_is_asked_for_evaluation():
    norm, asked = nn.BatchNorm1d(3), []
    norm.train = lambda mode=True: asked.append(mode)
    freeze(norm)
    norm.train()
    assert asked == [False, False]


def test_what_a_train_of_its_own_has_written_goes_back_when_another_norm_is_refused():
    model = nn.Sequential(Counted(3), Restless(3))
    with pytest.raises(RuntimeError, match=r"1 \(Restless\)"):
        freeze(model)
    assert model[0].switched == 0


def test_a_norm_that_moves_in_evaluation_is_refused_and_is_as_before():
    model = nn.Sequential(nn.BatchNorm1d(3), Restless(3))
    before = [{**vars(module)} for module in model]
    with pytest.raises(RuntimeError, match=r"1 \(Restless\), whose forward moves them in evaluation"):
        freeze(model, affine=True)
    assert [vars(module) for module in model] == before
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_affine_freezes_all_that_a_parametrized_weight_is_made_of():
    norm = nn.BatchNorm1d(3)
    parametrize.register_parametrization(norm, "weight", Scaled())
    norm.parametrizations.weight[0].factor.requires_grad_(False)
    before = {name: parameter.requires_grad for name, parameter in norm.named_parameters()}
    freeze(norm, affine=True)
    frozen = {parameter.requires_grad for parameter in norm.parameters()}
    unfreeze(norm)
    assert frozen == {False}
    assert {name: parameter.requires_grad for name, parameter in norm.named_parameters()} == before


def test_a_weight_is_given_back_although_its_parametrization_was_removed():
    norm = nn.BatchNorm1d(3)
    parametrize.register_parametrization(norm, "weight", Scaled())
    freeze(norm, affine=True)
    parametrize.remove_parametrizations(norm, "weight")
    unfreeze(norm)
    assert norm.weight.requires_grad


def test_a_weight_is_given_back_although_it_was_parametrized_meanwhile():
    norm = nn.BatchNorm1d(3)
    freeze(norm, affine=True)
    parametrize.register_parametrization(norm, "weight", nn.Identity())
    unfreeze(norm)
    assert norm.parametrizations.weight.original.requires_grad


def test_a_weight_that_two_norms_have_is_trained_again_when_both_are_released():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    model[1].weight = model[0].weight
    freeze(model[0], affine=True)
    freeze(model, affine=True)
    unfreeze(model, filter_fn=lambda norm, name: name == "0")
    one = model[0].weight.requires_grad
    unfreeze(model)
    assert (one, model[1].weight.requires_grad) == (False, True)


def test_a_parameter_that_somebody_trains_again_stays_trained():
    norm = nn.BatchNorm1d(3)
    norm.weight.requires_grad_(False)
    freeze(norm, affine=True)
    norm.weight.requires_grad_(True)
    unfreeze(norm)
    assert norm.weight.requires_grad


def test_a_frozen_parameter_has_no_gradient_that_an_optimizer_could_still_apply():
    norm = nn.BatchNorm1d(3)
    norm(torch.randn(4, 3)).sum().backward()
    freeze(norm, affine=True)
    before = norm.bias.clone()
    torch.optim.SGD(norm.parameters(), 0.1, weight_decay=0.1).step()
    assert torch.equal(norm.bias, before)


def test_a_shared_norm_is_meant_by_any_of_its_names():
    norm = nn.BatchNorm1d(3)
    model = nn.ModuleDict({"body": nn.Sequential(norm), "head": nn.Sequential(norm)})
    assert freeze(model, filter_fn=lambda _, name: name.startswith("head")).statistics == ("body.0",)


def test_norms_that_share_statistics_are_frozen_together_or_not_at_all():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    model[1]._buffers = model[0]._buffers
    with pytest.raises(RuntimeError, match="takes 1, but not 0, which has the same"):
        freeze(model, filter_fn=lambda _, name: name == "1")
    assert freeze(model).statistics == ("0", "1")


def test_one_of_the_norms_that_share_statistics_is_frozen_where_the_other_is_already():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    model[1]._buffers = model[0]._buffers
    freeze(model)
    assert freeze(model, affine=True, filter_fn=lambda _, name: name == "1").parameters == ("1.weight", "1.bias")


def test_norms_that_share_statistics_are_released_together_or_not_at_all():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    model[1]._buffers = model[0]._buffers
    freeze(model)
    with pytest.raises(RuntimeError, match="takes 1, but not 0, which has the same"):
        unfreeze(model, filter_fn=lambda _, name: name == "1")
    assert unfreeze(model).statistics == ("0", "1")


@pytest.mark.parametrize("last", [True, False])
def test_a_released_norm_takes_the_mode_of_what_holds_it(last):
    model = nn.Sequential(nn.Sequential(nn.BatchNorm1d(3)))
    freeze(model.train(not last))
    model.train(last)
    unfreeze(model)
    assert model[0][0].training is last


@pytest.mark.parametrize("last", [True, False])
def test_a_released_norm_that_is_the_model_takes_the_mode_that_it_was_asked_for(last):
    norm = nn.BatchNorm1d(3).train(not last)
    freeze(norm)
    norm.train(last)
    unfreeze(norm)
    assert norm.training is last


def test_a_norm_that_was_put_into_evaluation_by_hand_trains_once_it_is_released():
    model = nn.Sequential(nn.BatchNorm1d(3))
    model[0].eval()
    freeze(model)
    unfreeze(model)
    assert model[0].training


def test_a_norm_that_its_models_train_keeps_in_evaluation_stays_there_once_it_is_released():
    model = NormEval(nn.BatchNorm1d(3)).train()
    freeze(model)
    unfreeze(model)
    assert not model[0].training


def test_a_copy_of_the_norm_alone_is_frozen():
    model = nn.Sequential(nn.BatchNorm1d(3))
    freeze(model)
    norm = copy.deepcopy(model[0])
    assert not norm.train().training
    assert norm.train.module is norm


def test_update_bn_of_torch_leaves_a_frozen_norm_alone():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    model[0].running_mean.fill_(2.0)
    freeze(model, filter_fn=lambda _, name: name == "0")
    torch.optim.swa_utils.update_bn([torch.randn(8, 3)], model)
    assert torch.equal(model[0].running_mean, torch.full((3,), 2.0))
    assert model[2].num_batches_tracked == 1


def test_norms_of_timm_are_frozen_with_their_activations_free(timm):
    torch.manual_seed(0)
    model, x = timm.create_model("test_efficientnet"), torch.randn(2, 3, 32, 32)
    freeze(model)
    still = not moved(model, x)
    acts = {norm.act.training for norm in model.modules() if is_frozen(norm)}
    unfreeze(model)
    assert (still, acts, moved(model, x)) == (True, {True}, True)


def test_a_round_trip_keeps_the_momentum_and_the_parameters_that_that_of_timm_loses(timm):
    norm = timm.layers.BatchNormAct2d(3, momentum=0.01)
    theirs = timm.layers.unfreeze_batch_norm_2d(timm.layers.freeze_batch_norm_2d(copy.deepcopy(norm)))
    weight = norm.weight
    freeze(norm)
    unfreeze(norm)
    assert (theirs.momentum, norm.momentum, norm.weight is weight) == (0.1, 0.01, True)


def test_frozen_norms_of_torchvision_take_it_and_stay_what_they_are(peers):
    norm = peers.load("torchvision").ops.FrozenBatchNorm2d(3)
    model = nn.Sequential(norm)
    before = {**vars(norm)}
    freeze(model, affine=True)
    model.train()
    modes = norm.training
    unfreeze(model)
    assert (modes, vars(norm)) == (False, before)


@pytest.mark.parametrize("moments", ["ghost:2", "renorm", "population", "blend:0.5"])
def test_a_layer_of_ours_with_a_source_of_moments_computes_in_training_what_it_does_in_evaluation(moments):
    model, x = nn.Sequential(ours.BatchNorm1d(3, moments=moments, activation="relu")), torch.randn(4, 3)
    freeze(model)
    assert torch.equal(model.train()(x), model.eval()(x))
    assert not moved(model, x)


def test_a_synchronized_norm_is_frozen_without_other_processes():
    model = nn.Sequential(nn.SyncBatchNorm(3))
    freeze(model)
    assert not moved(model, torch.randn(4, 3))
