"""Outputs that overflow prove nothing, and allow nothing."""

import pytest
import torch
from torch import nn

from batchnorm import fold
from batchnorm.surgery._operation import Operation
from batchnorm.surgery.folding import _actions_of

X = torch.linspace(-1, 1, 2 * 3 * 5 * 5).reshape(2, 3, 5, 5).sin()


class Overflows(nn.Module):
    """Gives its features, and beside them what is too large for float32, in one number or in all of a tensor."""

    def __init__(self, beside):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.beside = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), beside
        self.norm.running_mean.uniform_(-1, 1)
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        y = self.norm(self.conv(x))
        large = (y.abs() + 1) * 1e30 * 1e30  # finite in float64
        if self.beside == "a tensor":
            return y, large
        if self.beside == "a number":
            return torch.cat([y.flatten(), large.flatten()[:1]])
        return large


@pytest.mark.parametrize("beside", ["a tensor", "a number"])
def test_a_model_that_overflows_beside_is_folded_and_proved_by_what_is_finite(beside):
    model = Overflows(beside).eval()
    report = fold(model, X)
    assert report.outcome_of("norm") == "folded"
    assert report.proof.error < 1e-5
    assert report.proof.rounding < 1e-5


@pytest.mark.parametrize("beside", ["a tensor", "a number"])
def test_a_fold_that_breaks_in_the_models_dtype_alone_is_put_back_although_an_output_overflows(monkeypatch, beside):
    model = Overflows(beside).eval()
    before = model(X)
    edit = _actions_of.edit_weight

    def broken(weight, bias, *rest):
        weight, bias = edit(weight, bias, *rest)
        # In the model's own dtype alone: the twin in float64 is right.
        return weight, bias + (1.0 if breaks else 0.0)

    breaks = False
    carry_out = Operation.carry_out

    def in_own_dtype(self, actions):
        nonlocal breaks
        breaks = next(self.model.parameters()).dtype == torch.float32
        carry_out(self, actions)

    monkeypatch.setattr(_actions_of, "edit_weight", broken)
    monkeypatch.setattr(Operation, "carry_out", in_own_dtype)
    report = fold(model, X)
    assert report.outcome_of("norm") != "folded"
    torch.testing.assert_close(model(X), before)


def test_nothing_is_folded_in_a_model_that_gives_nothing_finite():
    model = Overflows("alone").eval()
    norm = model.norm
    report = fold(model, X)
    assert report.outcome_of("norm") == "left"
    assert report.norms[0].reason == "none of the model's outputs is finite, so that nothing could be proved"
    assert model.norm is norm
    assert fold(model, X, verify=False).outcome_of("norm") == "folded"


class Towers(nn.Module):
    """One number of its output is huge, and finite."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.norm(self.conv(x)).flatten()
        return torch.cat([y, y[:1].detach() * 0 + 1e25])


def test_a_huge_number_hides_no_other(monkeypatch):
    model = Towers().eval()
    before = model(X)
    edit = _actions_of.edit_weight
    monkeypatch.setattr(
        _actions_of, "edit_weight", lambda weight, bias, *rest: tuple(part + 1e-3 for part in edit(weight, bias, *rest))
    )
    assert fold(model, X).outcome_of("norm") != "folded"
    torch.testing.assert_close(model(X), before)
