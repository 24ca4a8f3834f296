"""Does the proof look at all that a model gives, and is nothing folded on the strength of one that could not?"""

import itertools
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from batchnorm import fold

from .nets import Net, X

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.*(beta|prototype|Sparse).*:UserWarning"),
]


class Slots:
    __slots__ = ("y",)

    def __init__(self, y):
        self.y = y


@dataclass(frozen=True)
class Found:
    score: torch.Tensor
    more: object


def written_into_the_argument(y, given):
    given["y"] = y


OUTPUTS = {
    "COO": lambda y, _: y.flatten(1).to_sparse(),
    "CSR": lambda y, _: y.flatten(1).to_sparse_csr(),
    "BSR": lambda y, _: y.flatten(1).to_sparse_bsr((1, 4)),
    "imaginary part": lambda y, _: torch.complex(torch.zeros_like(y), y),
    "slots": lambda y, _: Slots(y),
    "dataclass": lambda y, _: Found(torch.zeros(1), [Slots(y)]),
    "generator": lambda y, _: (row for row in y),
    "nested": lambda y, _: torch.nested.nested_tensor([y[0], y[1]]),
    "jagged": lambda y, _: torch.nested.nested_tensor([y[0], y[1]], layout=torch.jagged),
    "distribution": lambda y, _: torch.distributions.Normal(y, 1.0, validate_args=False),
    "argument": written_into_the_argument,
}


def net(output):
    def forward(m, given):
        return output(m.bn(m.conv(given["x"])), given)

    return Net(forward)


def make_edits_wrong(monkeypatch):
    """Let every fold make weights that are 1% too large."""
    from batchnorm.surgery.folding import _actions_of

    edit_weight = _actions_of.edit_weight

    def wrong(*args):
        weight, bias = edit_weight(*args)
        return 1.01 * weight, bias

    monkeypatch.setattr(_actions_of, "edit_weight", wrong)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_fold_that_is_wrong_is_found_out_whatever_the_model_returns(monkeypatch, output):
    make_edits_wrong(monkeypatch)
    assert fold(net(OUTPUTS[output]), ({"x": X},)).outcome_of("bn") == "scale-shifted"


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_fold_that_is_right_is_proved_whatever_the_model_returns(output):
    report = fold(net(OUTPUTS[output]), ({"x": X},))
    assert report.outcome_of("bn") == "folded"
    assert report.proof.error_float64 < 1e-12


def which_of_two_that_only_rounding_tells_apart(m, x):
    y = m.bn(m.conv(x))
    return torch.stack((y[:, 0] * 3, (y[:, 0] + y[:, 0] * (1 + 1e-7)) + y[:, 0])).argmax(0)


def test_a_class_that_rounding_decides_is_no_reason_to_take_a_fold_back():
    report = fold(Net(which_of_two_that_only_rounding_tells_apart), X)
    assert report.outcome_of("bn") == "folded"
    assert report.proof.error_float64 == 0.0


def test_another_class_is_one_where_float64_cannot_tell_that_rounding_decides(monkeypatch):
    make_edits_wrong(monkeypatch)

    def body(m, x):
        y = m.bn(m.conv(x.float()))
        return (y + torch.zeros(1, dtype=torch.float32)).flatten().mul(50).long()

    assert fold(Net(body), X).outcome_of("bn") == "scale-shifted"


SECRETS = {
    "storage": (
        lambda y, _: (1, y.clone().untyped_storage()),
        r"\[1\] .UntypedStorage.: nothing is known of what is in a UntypedStorage",
    ),
    "endless generator": (lambda y, _: itertools.repeat(y), "the whole .repeat.: it has more than 256 values"),
    "module": (lambda y, _: nn.ParameterList([y]), "the whole .ParameterList.: it is a module"),
    "meta": (lambda y, _: {"a": y.to("meta")}, r"\['a'\] .Tensor.: its numbers cannot be read"),
}


@pytest.mark.parametrize("secret", SECRETS)
def test_a_model_whose_output_cannot_be_compared_is_refused_and_as_before(secret):
    output, why = SECRETS[secret]
    model = net(output)
    before = model.conv.weight.clone()
    with pytest.raises(RuntimeError, match=f"fold: model: expected outputs that can be compared, .* got {why}"):
        fold(model, ({"x": X},))
    assert torch.equal(model.conv.weight, before)
    assert isinstance(model.bn, nn.BatchNorm2d)


def test_it_is_folded_by_the_rules_alone_if_that_is_asked():
    assert fold(net(SECRETS["meta"][0]), ({"x": X},), verify=False).outcome_of("bn") == "folded"


def rows_without_end(y, _):
    while True:
        yield y
        y = y + 1


def test_no_norm_is_folded_in_a_model_that_goes_on_for_ever_when_its_output_is_read():
    (norm,) = fold(net(rows_without_end), ({"x": X},), verify=False).norms
    assert (norm.outcome, norm.reason) == (
        "scale-shifted",
        "the model goes on computing while its output is read: the whole (generator): it has more than 256 values",
    )


def test_a_forward_that_runs_when_its_output_is_read_is_looked_at():
    model = Net(lambda m, x: (m.bn(m.conv(image[None])) for image in x))
    expected = [*model(X)]
    assert fold(model, X).outcome_of("bn") == "folded"
    torch.testing.assert_close([*model(X)], expected, rtol=1e-5, atol=1e-5)


class Collected:
    def __init__(self):
        self.rows = []


def test_what_the_model_writes_into_its_argument_is_compared_and_the_callers_object_is_as_before():
    class Collecting(Net):
        def forward(self, x, into):
            into.rows.append(self.bn(self.conv(x)))

    into = Collected()
    assert fold(Collecting(None), (X, into)).outcome_of("bn") == "folded"
    assert into.rows == []


def test_a_model_that_returns_a_part_of_itself_is_proved_by_the_rest():
    model = Net(lambda m, x: (m.bn(m.conv(x)), m.conv))
    assert fold(model, X).outcome_of("bn") == "folded"
