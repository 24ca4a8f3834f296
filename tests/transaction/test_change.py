"""What a transaction hands to its block: setting, hooks, keeping."""

import pytest
import torch
from torch import nn

from batchnorm.transaction import attributes, transaction

from .picture import NANS, make, picture, x


class Stubborn(nn.BatchNorm1d):
    """Stays in training, and returns nothing from `train`, whose argument has another name."""

    def train(self, on=True):
        super().train(True)


def test_evaluate_is_the_models_own_eval_and_its_modes_come_back():
    model = nn.Sequential(nn.Dropout(), Stubborn(4))
    model[0].training = False
    with transaction(model) as change:
        change.evaluate()
        assert [module.training for module in model.modules()] == [False, False, True]
    assert [module.training for module in model.modules()] == [True, False, True]


class Frozen(nn.Sequential):
    """Keeps its norms in evaluation."""

    def train(self, mode=True):
        super().train(mode)
        self[1].eval()


def test_train_is_the_models_own_train_and_its_modes_come_back():
    model = Frozen(nn.Dropout(), nn.BatchNorm1d(4))
    model.train(False)
    with transaction(model) as change:
        change.train()
        assert [module.training for module in model.modules()] == [True, True, False]
    assert [module.training for module in model.modules()] == [False, False, False]


class Tables(nn.Module):
    """Makes a table of its weight for evaluation, as LeViT does, and has none in training."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.made = []

    @torch.no_grad()
    def train(self, mode=True):
        super().train(mode)
        if mode and hasattr(self, "table"):
            del self.table
        elif not mode:
            self.table = self.weight * 2
            self.made.append(self.table)

    def forward(self, x):
        return x * (self.weight * 2 if self.training else self.table)


@pytest.mark.parametrize("mode", [True, False])
def test_tables_that_a_model_makes_for_evaluation_are_there_and_go_back(mode):
    model = nn.Sequential(Tables())
    model.train(mode)
    before, made = picture(model), [*model[0].made]
    with transaction(model) as change:
        with torch.no_grad():
            model[0].weight.fill_(3.0)
        change.evaluate()
        assert torch.equal(model(x()), 6 * x())
        change.train()
        assert torch.equal(model(x()), 6 * x())
    assert picture(model) == before
    assert len(model[0].made) == len(made)


def test_what_the_models_own_eval_raises_passes_through_and_all_is_as_before():
    class Broken(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            raise OSError("no table")

    model = Broken(nn.Dropout())
    before = picture(model)
    with pytest.raises(OSError, match="no table"), transaction(model) as change:
        change.evaluate()
    assert picture(model) == before


def test_attributes_switch_to_evaluation_and_take_back_what_that_changed_alone():
    model = nn.Sequential(Tables(), nn.Dropout())
    model.train()
    with attributes() as change:
        change.evaluate(model)
        assert [module.training for module in model.modules()] == [False] * 3
        assert torch.equal(model(x()), 2 * x())
        model[0].kept = 3
    assert [module.training for module in model.modules()] == [True] * 3
    assert (hasattr(model[0], "table"), model[0].kept) == (False, 3)


def test_a_hook_sees_the_input_behind_the_hooks_that_are_there_and_is_gone_afterwards():
    norm, seen = nn.BatchNorm1d(4), []
    norm.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    with transaction(norm) as change:
        change.on_input(norm, lambda module, args: seen.append(args[0]))
        norm(x())
    norm(x())
    assert len(seen) == 1
    assert torch.equal(seen[0], x() + 1)


def test_a_hook_sees_the_output_behind_the_hooks_that_are_there_and_is_gone_afterwards():
    layer, seen = nn.Identity(), []
    layer.register_forward_hook(lambda module, args, output: output + 1)
    with transaction(layer) as change:
        change.on_output(layer, lambda module, args, output: seen.append(output))
        layer(x())
    layer(x())
    assert len(seen) == 1
    assert torch.equal(seen[0], x() + 1)


def test_hooks_get_keywords_where_they_are_asked_for():
    layer, seen = nn.BatchNorm1d(4), []
    with transaction(layer) as change:
        change.on_input(layer, lambda module, args, kwargs: seen.append(list(kwargs)), with_kwargs=True)
        change.on_output(layer, lambda module, args, kwargs, out: seen.append(list(kwargs)), with_kwargs=True)
        layer(input=x())
    assert seen == [["input"], ["input"]]
    assert not layer._forward_pre_hooks_with_kwargs
    assert not layer._forward_hooks_with_kwargs


def test_a_hook_may_write_the_statistics_that_its_norm_is_about_to_use():
    norm = nn.BatchNorm1d(4, affine=False).eval()

    def take_batch(module, args):
        module.running_mean.copy_(args[0].mean(0))
        module.running_var.copy_(args[0].var(0, correction=0))

    with transaction(norm) as change:
        change.on_input(norm, take_batch)
        output = norm(x())
    torch.testing.assert_close(output, nn.BatchNorm1d(4, affine=False)(x()))
    assert torch.equal(norm(x()), nn.BatchNorm1d(4, affine=False).eval()(x()))


def test_a_handle_takes_its_hook_away_early():
    norm, seen = nn.BatchNorm1d(4), []
    with transaction(norm) as change:
        change.on_input(norm, lambda module, args: seen.append(1)).remove()
        norm(x())
    assert seen == []


def test_the_handles_of_hooks_that_were_there_still_work_afterwards():
    norm = nn.BatchNorm1d(4)
    handle = norm.register_forward_pre_hook(lambda module, args: None)
    with transaction(norm) as change:
        change.on_input(norm, lambda module, args: None)
        handle.remove()
    assert len(norm._forward_pre_hooks) == 1
    handle.remove()
    assert len(norm._forward_pre_hooks) == 0


def test_hooks_come_back_in_the_order_that_they_had():
    norm, order = nn.BatchNorm1d(4), []
    handle = norm.register_forward_pre_hook(lambda module, args: order.append("first"))
    norm.register_forward_pre_hook(lambda module, args: order.append("second"))
    with transaction(norm):
        norm._forward_pre_hooks.move_to_end(handle.id)
    norm(x())
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("way", "given"),
    [("set", ("momentum", None)), ("on_input", (lambda *_: None,)), ("on_output", (lambda *_: None,))],
)
def test_a_module_outside_the_model_goes_back_too_once_it_was_changed_through_the_transaction(way, given):
    model, other = make(), nn.BatchNorm1d(3)
    before = picture(other)
    with transaction(model) as change:
        getattr(change, way)(other, *given)
    assert picture(other) == before


def test_what_is_kept_keeps_its_last_values_in_place_and_all_else_goes_back():
    model = make()
    norm = model[1]
    before = picture(model)
    with transaction(model) as change:
        norm.running_mean.fill_(5.0)
        change.keep(norm.running_mean)
        norm.running_mean.fill_(7.0)
        norm.running_var.fill_(9.0)
        model[2](x())
    assert torch.equal(norm.running_mean, torch.full((4,), 7.0))
    norm.running_mean.copy_(NANS)
    assert picture(model) == before


def test_what_is_kept_comes_back_into_a_module_that_lost_it():
    norm = nn.BatchNorm1d(2)
    mean = norm.running_mean
    with transaction(norm) as change:
        mean.fill_(3.0)
        change.keep(mean)
        norm.running_mean = torch.zeros(2)
    assert norm.running_mean is mean
    assert torch.equal(mean, torch.tensor([3.0, 3.0]))


def test_keeping_what_is_no_buffer_of_the_model_is_refused_and_nothing_is_kept():
    norm = nn.BatchNorm1d(2)
    before = picture(norm)
    expected = r"buffers: expected buffers .*, got another Tensor at position 1\. Write into"
    with pytest.raises(ValueError, match=expected), transaction(norm) as change:
        change.keep(norm.running_mean.fill_(3.0), torch.zeros(2))
    assert picture(norm) == before


@pytest.mark.parametrize(("name", "kind"), [("weight", "parameter"), ("running_mean", "buffer"), ("act", "submodule")])
@pytest.mark.parametrize("manager", ["attributes", "transaction"])
def test_only_plain_attributes_are_set(manager, name, kind):
    norm = nn.BatchNorm1d(2)
    norm.act = nn.ReLU()
    before = picture(norm)
    block = attributes() if manager == "attributes" else transaction(norm)
    with (
        pytest.raises(ValueError, match=rf"BatchNorm1d, got '{name}', which is a {kind}\. Write into"),
        block as change,
    ):
        change.set(norm, name, None)
    assert picture(norm) == before


@pytest.mark.parametrize(("value", "kind"), [(nn.Parameter(torch.ones(1)), "parameter"), (nn.ReLU(), "submodule")])
def test_what_torch_would_register_is_no_plain_attribute(value, kind):
    with pytest.raises(ValueError, match=f"got 'fresh', which is a {kind}"), attributes() as change:
        change.set(nn.BatchNorm1d(2), "fresh", value)


class Curious(nn.Module):
    """An attribute of the class, a property, and names that are looked up elsewhere."""

    scale = 2.0

    def __init__(self):
        super().__init__()
        self.inner = nn.BatchNorm1d(2)
        self._hidden = 1

    @property
    def hidden(self):
        return self._hidden

    @hidden.setter
    def hidden(self, value):
        self._hidden = value

    def __getattr__(self, name):
        if name == "momentum":
            return self.inner.momentum
        return super().__getattr__(name)

    def __setattr__(self, name, value):
        if name == "momentum":
            self.inner.momentum = value
        else:
            super().__setattr__(name, value)


@pytest.mark.parametrize("name", ["scale", "hidden", "momentum", "training", "absent"])
@pytest.mark.parametrize("manager", ["attributes", "transaction"])
def test_every_kind_of_attribute_goes_back_after_it_was_set_twice(manager, name):
    module = Curious()
    before = picture(module)
    with attributes() if manager == "attributes" else transaction(module) as change:
        change.set(module, name, 17)
        change.set(module, name, 18)
        assert getattr(module, name) == 18
    assert picture(module) == before
    assert "absent" not in vars(module)


def test_attributes_leave_alone_what_was_not_set_through_them():
    norm = nn.BatchNorm1d(2)
    with attributes() as change:
        change.set(norm, "momentum", None)
        norm.eps = 1.0
        norm.running_mean.fill_(3.0)
    assert (norm.momentum, norm.eps, norm.running_mean[0]) == (0.1, 1.0, 3.0)


@pytest.mark.parametrize("manager", ["attributes", "transaction"])
def test_modules_that_come_and_go_are_not_taken_for_each_other(manager):
    kept = []
    with attributes() if manager == "attributes" else transaction(nn.Identity()) as change:
        for turn in range(20):
            module = nn.BatchNorm1d(2)
            change.set(module, "momentum", None)
            if turn % 5 == 4:
                kept.append(module)
            del module
    assert [module.momentum for module in kept] == [0.1] * 4
