"""Does a report say what was not varied, not compared, or not changed, and why?"""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm import fold, trace, unfold
from batchnorm.surgery import fold_state

from .nets import Net, X

pytestmark = pytest.mark.usefixtures("one_thread")


class Domains(nn.Module):
    """A norm for each domain, chosen by a number of Python or by a word."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norms = nn.Conv2d(3, 4, 3), nn.ModuleDict({"a": nn.BatchNorm2d(4), "b": nn.BatchNorm2d(4)})
        for norm in self.norms.values():
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.3, 3.0)
        self.eval()

    def forward(self, x, domain):
        return self.norms[domain["name"]](self.conv(x))


def test_options_that_are_the_same_in_all_examples_are_named_in_a_note():
    (note,) = fold(Domains(), (X, {"name": "a"})).notes
    assert note == (
        "folded for what the examples have in common: argument 1 (dict of 1), argument 1['name'] ('a'); where the "
        "model is called with others, too, give a list of examples that has them"
    )


def test_options_that_the_examples_vary_are_right_for_all_of_them_and_not_named():
    model = Domains()
    calls = [(X, {"name": "a"}), (X, {"name": "b", "more": None})]
    expected = [model(*call) for call in calls]
    assert fold(model, calls).notes == ()
    torch.testing.assert_close([model(*call) for call in calls], expected, rtol=1e-5, atol=1e-5)


class Streams(nn.Module):
    """What was computed before comes in front of what is computed now."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.bn.running_mean.fill_(2.0)
        self.eval()

    def forward(self, x, before=None):
        y = self.conv(x)
        return self.bn(y if before is None else torch.cat((before, y), -1)).relu()


def test_an_optional_argument_that_no_example_gives_is_named():
    (note,) = fold(Streams(), X).notes
    assert note.startswith("folded for what the examples have in common: no before; where")


def test_an_optional_argument_that_an_example_gives_is_reckoned_with():
    model, examples = Streams(), [(X,), (X, torch.ones(2, 4, 6, 1))]
    expected = [model(*example) for example in examples]
    assert fold(model, examples).notes == ()
    torch.testing.assert_close([model(*example) for example in examples], expected, rtol=1e-5, atol=1e-5)


def test_a_model_that_returns_nothing_says_that_nothing_was_compared():
    def into_the_air(m, x):
        m.bn(m.conv(x))

    notes = fold(Net(into_the_air), X).notes
    assert any(note.startswith("the model returns nothing that could be compared") for note in notes)


def test_a_lazy_norm_that_was_not_called_yet_is_left_for_that_reason():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LazyBatchNorm2d()).eval()
    model.load_state_dict(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict())
    (norm,) = fold(model, X).norms
    assert (norm.outcome, norm.reason) == (
        "left",
        "it is lazy and has not been called yet: run one batch through the model first",
    )


def test_a_norm_that_was_put_back_says_what_differed():
    (norm,) = fold(Net(lambda m, x: m.bn(m.conv(x)) * m.bn.num_features), X).norms
    assert norm.reason == "with it scale-shifted, the outputs differed or the model raised an error"


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_nothing_is_folded_where_numbers_that_are_drawn_outside_torch_may_decide(draw):
    """Once in a thousand calls the model goes another way, which no look at a few can show."""

    def seldom(m, x):
        y = m.conv(x)
        return y if draw() < 0.001 else m.bn(y)

    (norm,) = fold(Net(seldom), X).norms
    assert (norm.outcome, norm.reason) == (
        "scale-shifted",
        "the model draws random numbers outside torch, which may decide what it does: draw them by torch",
    )


class Masked(nn.BatchNorm2d):
    def forward(self, x, mask=None):
        y = super().forward(x)
        return y if mask is None else y * mask


@pytest.mark.parametrize("given", [lambda m, y: m.bn(y, None), lambda m, y: m.bn(x=y), lambda m, y: m.bn(y, mask=None)])
def test_a_norm_that_is_called_as_only_its_own_class_can_be_is_left_by_the_rules(given):
    model = Net(lambda m, x: given(m, m.conv(x)), bn=Masked(4))
    expected = model(X)
    (norm,) = fold(model, X, verify=False).norms
    assert norm.reason == "it is called with more than one input, or with an argument that only its own class knows"
    torch.testing.assert_close(model(X), expected, rtol=0, atol=0)


def in_a_list(model):
    model.order = [model.bn]
    return model.order[0]


def in_an_object(model):
    model.parts = SimpleNamespace(norm=model.bn)
    return model.parts.norm


def in_a_hook(model):
    norm = model.bn
    model.conv.register_forward_hook(lambda module, args, output: norm(output))
    return lambda y: y


@pytest.mark.parametrize("hold", [in_a_list, in_an_object, in_a_hook])
def test_a_norm_that_others_hold_besides_is_left_for_they_would_call_it_still(hold):
    model = Net(lambda m, x: call(m.conv(x)))
    call = hold(model)
    expected = model(X)
    (norm,) = fold(model, X, verify=False).norms
    assert norm.outcome == "left"
    torch.testing.assert_close(model(X), expected, rtol=0, atol=0)


def appended_by_a_hook(model):
    model.kept = []
    model.conv.register_forward_hook(lambda module, args, output: model.kept.append(output))


def counted_by_a_hook(model):
    model.calls = 0

    def count(module, args, output):
        model.calls += 1

    model.bn.register_forward_hook(count)


@pytest.mark.parametrize("watch", [appended_by_a_hook, counted_by_a_hook])
@pytest.mark.parametrize("verb", [fold, trace])
def test_what_a_hook_writes_into_the_model_that_it_holds_on_to_is_as_before(watch, verb):
    """Also by a copy of the model: its hook holds on to the model still."""
    model = Net(lambda m, x: m.bn(m.conv(x)))
    watch(model)
    verb(model, X)
    assert not vars(model).get("kept")
    assert not vars(model).get("calls")


def test_a_complex_model_is_proved_in_complex_numbers_of_float64():
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.real, self.imag = nn.Conv2d(3, 4, 1, dtype=torch.complex64), *map(nn.BatchNorm2d, (4, 4))

        def forward(self, x):
            z = self.mix(x)
            return torch.complex(self.real(z.real), self.imag(z.imag))

    report = fold(Complex().eval(), torch.complex(X, -X))
    assert report.proof.error_float64 < 1e-12


def test_a_state_dict_that_holds_more_than_tensors_is_refused_by_name():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    fold(net, X, verify=False)
    net.register_module("last", Extra())
    with pytest.raises(
        ValueError, match=r"nothing but tensors in the state_dict of the model, got str as last\._extra_state"
    ):
        fold_state(net)
    assert unfold(net) == ("1",)


class Extra(nn.Module):
    def get_extra_state(self):
        return "words"
