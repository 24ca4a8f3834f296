"""Does `fold` say what it did, refuse what it cannot do, and leave the model as it was when it fails?"""

import copy
import pickle

import pytest
import torch
from torch import nn

from batchnorm import fold, trace, unfold
from batchnorm import nn as bn
from batchnorm.surgery import _actions
from batchnorm.surgery.folding import _actions_of, _carry_out
from batchnorm.surgery.folding._actions_of import actions_of, operation_for

pytestmark = pytest.mark.usefixtures("one_thread")

X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def enliven(model, seed=0):
    """Statistics and parameters that are not the identity."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.3, 3.0, generator=generator)
                module.weight.normal_(generator=generator)
                module.bias.normal_(generator=generator)
    return model.eval()


def small():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)]
    return enliven(nn.Sequential(*layers))


def stale_norm():
    """A norm that nothing can take up: between two activations, before a padded convolution."""
    torch.manual_seed(0)
    return enliven(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)))


class NormAndSteps(nn.BatchNorm2d):
    """As timm writes it: modules inside the norm."""

    def __init__(self, channels):
        super().__init__(channels)
        self.drop, self.act = nn.Dropout(), nn.ReLU()

    def forward(self, x):
        return self.act(self.drop(super().forward(x)))


class BetweenActivationAndConvolution(nn.Module):
    """The norm's input is no product's, and the norm does more than normalize."""

    def __init__(self, norm):
        super().__init__()
        self.norm, self.conv = norm, nn.Conv2d(3, 2, 3)
        self.adds = isinstance(norm, bn.BatchNormAdd2d)

    def forward(self, x):
        x = x.relu()
        return self.conv(self.norm(x, x) if self.adds else self.norm(x))


def picture(model):
    """All that a fold could change, bit for bit, and which objects hold it."""
    tensors = {name: (id(t), t.detach().clone()) for name, t in (*model.named_parameters(), *model.named_buffers())}
    modules = {name: id(module) for name, module in model.named_modules()}
    return tensors, modules, sorted(vars(model)), {name: m.training for name, m in model.named_modules()}


def assert_same(one, other):
    assert one[1:] == other[1:]
    assert one[0].keys() == other[0].keys()
    for name, (number, tensor) in one[0].items():
        assert other[0][name][0] == number, name
        assert other[0][name][1].equal(tensor), name


def test_the_report_names_what_took_each_norm_up():
    report = fold(small(), X)
    assert [(norm.name, norm.outcome, norm.into) for norm in report.norms] == [
        ("1", "folded", ("0",)),
        ("4", "folded", ("3",)),
    ]


def test_the_report_says_why_a_norm_was_not_folded():
    (first, second) = fold(stale_norm(), X).norms
    assert (first.outcome, second.outcome) == ("scale-shifted", "folded")
    assert "not by a convolution, linear layer or norm alone: put it right behind one; read by" in first.reason


@pytest.mark.parametrize(
    ("norm", "named"),
    [
        (bn.BatchNorm2d(3, activation="relu"), "its own activation"),
        (bn.BatchNormPool2d(3, activation="relu"), "its own pool"),
        (bn.BatchNormAdd2d(3, activation="relu"), "the residual that it adds"),
        (NormAndSteps(3), "its own drop and act"),
    ],
    ids=["activation", "pool", "residual", "modules"],
)
def test_the_report_names_what_stands_between_a_norm_and_its_readers(norm, named):
    (only,) = fold(enliven(BetweenActivationAndConvolution(norm)), X).norms
    assert only.outcome == "scale-shifted"
    assert only.reason.endswith(f"read by conv: between the two is {named}")


def test_the_report_counts_the_numbers_before_and_after():
    report = fold(small(), X)
    # 108 and 144 + 4 of the convolutions, 4 x 4 of each norm; afterwards two biases of 4
    assert (report.parameters_before, report.parameters_after) == (108 + 148 + 32, 108 + 4 + 148)


def test_the_proof_is_measured_in_both_dtypes():
    proof = fold(small(), X).proof
    assert proof.dtype == "float32"
    assert proof.inputs == 2
    assert proof.error_float64 < 1e-12
    assert proof.error < 1e-5


def test_without_a_proof_nothing_is_measured():
    report = fold(small(), X, verify=False)
    assert (report.proof, report.milliseconds_before, report.milliseconds_after) == (None, None, None)


def test_call_of_batch_norm_without_a_module_is_named():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return nn.functional.batch_norm(self.conv(x), torch.zeros(4), torch.ones(4))

    assert fold(Net().eval(), X).loose == ("the model",)


def test_printing_a_report_counts_and_explains():
    assert str(fold(stale_norm(), X)).startswith("1 of 2 norms folded, 1 made a scale-shift; outputs equal to ")


def test_asking_for_a_norm_that_is_not_there_names_those_that_are():
    with pytest.raises(ValueError, match=r"got 'bn9'\. The model has 1, 4"):
        fold(small(), X).outcome_of("bn9")


# what is refused


REFUSED = {
    "no module": (lambda: [1], X, TypeError, "expected a torch.nn.Module, got list"),
    "training mode": (lambda: small().train(), X, ValueError, "expected a model in evaluation mode"),
    "several devices": (lambda: nn.DataParallel(small()), X, ValueError, "got one in DataParallel"),
    "no example": (small, [], ValueError, "expected at least one example, got an empty list"),
    "no tensor": (small, "image.png", TypeError, "expected an example that is a tensor, .* got str"),
    "another device": (small, X.to("meta"), ValueError, "expected examples on the model's device cpu, got one on meta"),
    "another shape": (small, X[:, :2], RuntimeError, "expected input"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_told_and_the_model_left_alone(case):
    make, example, error, message = REFUSED[case]
    model = make()
    before = picture(model) if isinstance(model, nn.Module) else None
    with pytest.raises(error, match=message):
        fold(model, example)
    if before:
        assert_same(picture(model), before)


def test_a_model_that_remembers_its_calls_outside_of_itself_cannot_be_proved():
    calls = []

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            calls.append(1)
            return self.bn(self.conv(x)) * len(calls)

    model = enliven(Net())
    before = picture(model)
    with pytest.raises(RuntimeError, match=r"outputs differ by .* with the same random state"):
        fold(model, X)
    assert_same(picture(model), before)


def test_a_model_that_draws_is_compared_with_the_same_draws_and_it_is_said():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            return self.bn(self.conv(x)) + torch.randn(1)

    report = fold(enliven(Net()), X)
    assert report.outcome_of("bn") == "folded"
    assert any("draws random numbers" in note for note in report.notes)


# all or nothing


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
@pytest.mark.parametrize(("verify", "at"), [(True, 0), (True, 1), (True, 2), (True, 3), (False, 0), (False, 1)])
def test_whatever_is_raised_while_the_model_is_changed_it_is_as_before(monkeypatch, error, verify, at):
    model = small()
    before = picture(model)
    calls = iter(range(100))
    hang = _actions.hang

    def interrupted(*args):
        if next(calls) == at:
            raise error("stop")
        hang(*args)

    monkeypatch.setattr(_actions, "hang", interrupted)
    with pytest.raises(error, match="stop"):
        fold(model, X, verify=verify)
    assert_same(picture(model), before)


def test_an_interrupt_during_the_proof_leaves_the_model_as_before(monkeypatch):
    model = small()
    before = picture(model)

    def interrupted(*_):
        raise KeyboardInterrupt("stop")

    monkeypatch.setattr(_carry_out, "_milliseconds", interrupted)
    with pytest.raises(KeyboardInterrupt, match="stop"):
        fold(model, X)
    assert_same(picture(model), before)


def test_a_norm_that_makes_a_difference_is_put_back_alone(monkeypatch):
    """A rule that is wrong: the second norm's edit is doubled."""
    edit_weight = _actions_of.edit_weight

    def wrong(weight, bias, edit, scale, shift):
        changed, offset = edit_weight(weight, bias, edit, scale, shift)
        return (2 * changed, offset) if edit.weight == "3.weight" else (changed, offset)

    monkeypatch.setattr(_actions_of, "edit_weight", wrong)
    model = small()
    expected = model(X)
    report = fold(model, X)
    assert [norm.outcome for norm in report.norms] == ["folded", "scale-shifted"]
    assert report.norms[1].reason == "with it folded, the outputs differed or the model raised an error"
    torch.testing.assert_close(model(X), expected, rtol=0, atol=1e-5)


def test_any_subset_of_the_changes_can_be_made_and_taken_back():
    model = small()
    from batchnorm.surgery import make_plan

    before = picture(model)
    expected = model(X)
    plan = make_plan(trace(model, X))
    operation = operation_for(model, plan)
    with torch.no_grad():
        for active in ((), ("1",), ("4",), ("1", "4"), ("4",)):
            operation.carry_out(actions_of(operation, plan, active))
            torch.testing.assert_close(model(X), expected, rtol=0, atol=1e-5)
        operation.carry_out(())
    assert_same(picture(model), before)


# the inverse


def test_unfold_gives_back_the_very_modules_and_every_bit():
    model = small()
    before = picture(model)
    fold(model, X)
    assert unfold(model) == ("1", "4")
    assert_same(picture(model), before)


def test_two_folds_are_taken_back_by_one_unfold():
    model = small()
    before = picture(model)
    hook = model[4].register_forward_hook(lambda *_: None)
    assert fold(model, X).outcome_of("4") == "left"
    hook.remove()
    assert fold(model, X).outcome_of("4") == "folded"
    unfold(model)
    assert_same(picture(model), before)


def test_unfolding_what_is_not_folded_says_so():
    with pytest.raises(ValueError, match="expected a model that was folded"):
        unfold(small())


def pickled(model):
    return pickle.loads(pickle.dumps(model))  # noqa: S301  # our own bytes


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_a_copy_of_a_folded_model_is_unfolded_by_itself(copied):
    model = small()
    expected = model(X)
    fold(model, X)
    other = copied(model)
    unfold(other)
    assert other(X).equal(expected)
    assert isinstance(model[1], nn.Identity)


def test_a_folded_model_can_be_trained():
    model = small()
    fold(model, X)
    model.train()(X).square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_model_inside_another_is_unfolded_with_it():
    inner = small()
    fold(inner, X)
    assert unfold(nn.Sequential(nn.ReLU(), inner)) == ("1.1", "1.4")


@pytest.mark.parametrize(
    "make",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
    ],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_a_computed_weight_is_made_plain_when_asked_and_comes_back(make):
    torch.manual_seed(0)
    model = enliven(nn.Sequential(make(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)))
    with torch.no_grad():  # the old kind keeps its weight, with the graph of the last call
        expected, keys = model(X), list(model.state_dict())
    assert fold(copy.deepcopy(model), X).outcome_of("1") == "scale-shifted"
    assert fold(model, X, materialize=True).outcome_of("1") == "folded"
    torch.testing.assert_close(model(X), expected, rtol=1e-5, atol=1e-5)
    unfold(model)
    assert list(model.state_dict()) == keys
    assert model(X).equal(expected)


def test_a_compiled_model_runs_folded():
    model = small()
    compiled = torch.compile(model, backend="eager")
    expected = compiled(X)
    fold(compiled, X)
    torch.testing.assert_close(compiled(X), expected, rtol=0, atol=1e-5)
    assert isinstance(model[1], nn.Identity)
