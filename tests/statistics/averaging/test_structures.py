"""Modules, state_dicts, checkpoints and wrappers: what an average is made of, what it is, and what stays as it was."""

import copy
import pickle

import pytest
import torch
from torch import nn

from batchnorm.statistics import average_models

from .nets import assert_same, bits, net, nets


def test_modules_and_their_state_dicts_have_the_same_average() -> None:
    models = nets()
    of_modules = average_models(models, [1, 2, 3])
    of_states = average_models([model.state_dict() for model in models], [1, 2, 3])
    assert_same(of_modules, of_states)
    models[0].load_state_dict(of_states)


def test_the_models_stay_as_they_are() -> None:
    models = nets()
    models[1].eval()
    before = [(bits(model), [module.training for module in model.modules()]) for model in models]
    random = torch.get_rng_state()
    average_models(models)
    assert [(bits(model), [module.training for module in model.modules()]) for model in models] == before
    assert torch.equal(torch.get_rng_state(), random)


def test_the_result_shares_no_memory_with_what_was_given() -> None:
    models = nets()
    states = [model.state_dict() for model in models]
    given = {tensor.data_ptr() for state in states for tensor in state.values()}
    for made in (average_models(models).state_dict(), average_models(states), average_models(states[:1])):
        assert given.isdisjoint(tensor.data_ptr() for tensor in made.values())


def test_the_average_of_one_model_is_that_model() -> None:
    model = net()
    assert_same(average_models([model]), model)


def test_the_average_of_equal_models_is_bit_equal_to_them() -> None:
    model = net()
    assert_same(average_models([model, copy.deepcopy(model), net().requires_grad_(False)], [0.3, 0.3, 0.7]), model)


def test_the_copy_is_as_the_first_model_in_modes_gradients_and_class() -> None:
    models = nets()
    models[0][0].requires_grad_(False)
    models[0][1].eval()
    merged = average_models(models)
    assert [module.training for module in merged.modules()] == [module.training for module in models[0].modules()]
    assert not merged[0].weight.requires_grad
    assert merged[4].weight.requires_grad
    assert merged(torch.randn(2, 1, 6, 6)).shape == (2, 2)
    pickle.loads(pickle.dumps(merged))  # noqa: S301  # our own


def test_an_iterator_of_models_will_do() -> None:
    models = nets()
    assert_same(average_models(iter(models)), average_models(models))


def test_models_that_were_made_in_inference_mode_are_averaged() -> None:
    with torch.inference_mode():
        models = [nn.BatchNorm1d(2) for _ in range(2)]
        models[1].running_mean.fill_(4.0)
    assert average_models(models).running_var.tolist() == [5.0, 5.0]
    with torch.inference_mode():
        assert average_models(models).running_mean.tolist() == [2.0, 2.0]


# shared tensors


class Tied(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.one, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
        self.other.weight = self.one.weight
        self.norm = self.again = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.again(self.other(self.norm(self.one(x))))


def test_shared_tensors_stay_shared() -> None:
    models = [Tied(seed) for seed in range(2)]
    merged = average_models(models)
    assert merged.one.weight is merged.other.weight
    assert merged.norm is merged.again
    state = average_models([model.state_dict() for model in models])
    assert state["one.weight"].data_ptr() == state["other.weight"].data_ptr()
    assert state["norm.running_var"].data_ptr() == state["again.running_var"].data_ptr()
    assert torch.equal(state["one.weight"], merged.one.weight)


def test_tensors_that_only_one_model_shares_are_refused_where_they_differ() -> None:
    first, second = Tied(0), Tied(1)
    second.other.weight = nn.Parameter(torch.zeros(3, 3))
    said = r"'one\.weight' and 'other\.weight', which are one tensor in models\[0\] and differ in another\. Share them"
    with pytest.raises(ValueError, match=said):
        average_models([first, second])
    with pytest.raises(ValueError, match=said):
        average_models([first.state_dict(), second.state_dict()])
    assert not torch.equal(average_models([second, first]).one.weight, first.one.weight)


# what is no parameter and no buffer that is kept


class Odd(nn.Module):
    def __init__(self, version: int = 1, scale: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("cache", torch.full((version,), scale), persistent=False)
        self.register_buffer("order", torch.arange(3))
        self.register_buffer("none", None)
        self.weight = nn.Parameter(torch.full((2,), scale))
        self.version = 1

    def get_extra_state(self):
        return {"version": self.version}

    def set_extra_state(self, state) -> None:
        self.version = state["version"]


def test_buffers_that_are_not_persistent_are_those_of_the_first() -> None:
    merged = average_models([Odd(1, 1.0), Odd(2, 3.0)])
    assert merged.cache.tolist() == [1.0]
    assert merged.weight.tolist() == [2.0, 2.0]
    assert merged.order.tolist() == [0, 1, 2]


def test_extra_state_has_to_be_equal() -> None:
    models = [Odd(), Odd()]
    assert average_models([model.state_dict() for model in models])["_extra_state"] == {"version": 1}
    models[1].version = 2
    said = r"models\[1\]: .*, got one whose '_extra_state', which is not averaged, differs from that of models\[0\]"
    for given in (models, [model.state_dict() for model in models]):
        with pytest.raises(ValueError, match=said):
            average_models(given)


def test_integers_have_to_be_equal() -> None:
    models = [Odd(), Odd()]
    models[1].order += 1
    said = r"models\[1\]: expected integers and booleans that are equal .*, got other values of 'order' \(int64\) than"
    with pytest.raises(ValueError, match=said):
        average_models(models)


def test_an_expanded_buffer_is_kept_where_it_is_equal_and_refused_where_it_is_not() -> None:
    models = [nn.Module(), nn.Module()]
    for model in models:
        model.register_buffer("ones", torch.ones(1).expand(4))
    assert average_models(models).ones.tolist() == [1.0] * 4
    models[1].ones = torch.zeros(1).expand(4)
    with pytest.raises(ValueError, match=r"'ones', in which one stands for many \(expand\), and which is not the same"):
        average_models(models)


def test_packed_weights_that_nobody_could_average_are_refused() -> None:
    class Packed(nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.packed = torch.full((2,), value)

        def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
            destination[f"{prefix}weight"] = self.packed

    with pytest.raises(ValueError, match=r"got one whose 'weight', which is not averaged, differs from that of models"):
        average_models([Packed(1.0), Packed(2.0)])


def test_weights_under_another_name_in_the_state_dict_are_averaged() -> None:
    class Renamed(nn.Linear):
        def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[f"{prefix}kernel"] = destination.pop(f"{prefix}weight")

    models = [Renamed(2, 2) for _ in range(2)]
    expected = (models[0].weight.double() + models[1].weight.double()) / 2
    assert torch.equal(average_models(models).weight, expected.float())


def test_weights_behind_a_reparametrization_are_averaged_part_by_part() -> None:
    models = [nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)) for _ in range(2)]
    parts = [model.parametrizations.weight.original0 for model in models]
    merged = average_models(models)
    torch.testing.assert_close(merged.parametrizations.weight.original0, (parts[0] + parts[1]) / 2)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_model_that_keeps_a_computed_tensor_is_copied() -> None:
    models = [nn.utils.weight_norm(nn.Linear(2, 2)) for _ in range(2)]
    x = torch.randn(3, 2)
    for model in models:
        model(x)
    merged = average_models(models)
    torch.testing.assert_close(merged.weight_v, (models[0].weight_v + models[1].weight_v) / 2)
    merged(x)


# wrappers
