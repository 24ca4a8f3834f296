"""Models that a folder could be wrong about without noticing: none of these is, with a proof or without."""

import pytest
import torch
from torch import nn

from batchnorm import fold, unfold

from .nets import Net, X, loud

pytestmark = pytest.mark.usefixtures("one_thread")


def way_that_fails_on_other_data(m, x):
    y = m.conv(x)
    if x.max() > 100:
        (x > 100).nonzero()[0]  # there is none when the answer is not so
        return y
    return m.bn(y)


def way_by_a_sparse_tensor(m, x):
    y = m.conv(x)
    return y if x.flatten(1).to_sparse().values().max() > 100 else m.bn(y)


def way_by_a_text(m, x):
    y = m.conv(x)
    return y if repr(x.flatten()[:1]) == "tensor([200.])" else m.bn(y)


def way_by_an_error_of_linear_algebra(m, x):
    y = m.conv(x)
    try:
        torch.linalg.cholesky(torch.eye(2) * (100 - x.max()))
    except torch.linalg.LinAlgError:
        return y
    return m.bn(y)


WAYS = [
    way_that_fails_on_other_data,
    way_by_a_sparse_tensor,
    way_by_a_text,
    way_by_an_error_of_linear_algebra,
]


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_a_way_that_only_other_data_take_gives_what_it_gave(way, verify):
    model = Net(way)
    inputs = (X, loud(X))
    expected = [model(x) for x in inputs]
    fold(model, X, verify=verify)
    for x, before in zip(inputs, expected, strict=True):
        torch.testing.assert_close(model(x), before, rtol=1e-5, atol=1e-5)


def cast_to_whole_numbers(m, x):
    return m.bn((m.conv(x) * 9).int().float())


def one_output_read_by_two_calls_of_which_one_is_changed(m, x):
    y = m.conv(x)
    p, q = m.bn(y), m.bn(y)
    return p.relu_() + q


def own_numbers_asked_for(m, x):
    return m.bn(m.conv(x)) * float(m.bn.num_batches_tracked + 1)


def imaginary_part_of_the_conjugate(m, x):
    """A view of the same memory by which every number has the other sign."""
    y = m.conv(x)
    pairs = torch.view_as_complex(torch.stack((y, y), -1).contiguous())
    return m.bn(pairs.conj().imag)


def imaginary_part_of_the_conjugate_of_the_very_output(m, x):
    y = m.conv(x)
    halves = torch.view_as_complex(y.view(2, 4, 4, 2, 2)).conj().imag
    return m.bn(halves)


@pytest.mark.parametrize(
    "body",
    [
        cast_to_whole_numbers,
        one_output_read_by_two_calls_of_which_one_is_changed,
        own_numbers_asked_for,
        imaginary_part_of_the_conjugate,
        imaginary_part_of_the_conjugate_of_the_very_output,
    ],
)
def test_the_rules_alone_do_not_fold_what_is_not_exact(body):
    model = Net(body)
    expected = model(X)
    assert fold(model, X, verify=False).outcome_of("bn") != "folded"
    torch.testing.assert_close(model(X), expected, rtol=1e-5, atol=1e-5)


def test_a_small_output_is_measured_by_its_own_size(monkeypatch):
    """Or a wrong rule would pass the proof of every net that ends in small numbers."""
    from batchnorm.surgery.folding import _actions_of

    edit_weight = _actions_of.edit_weight

    def wrong(*args):
        weight, bias = edit_weight(*args)
        return 1.01 * weight, bias

    monkeypatch.setattr(_actions_of, "edit_weight", wrong)
    model = Net(lambda m, x: m.bn(m.conv(x)) * 1e-5)
    assert fold(model, X).outcome_of("bn") == "scale-shifted"


def test_two_norms_that_share_an_activation_are_folded():
    class Act(nn.BatchNorm2d):
        def __init__(self, channels, act):
            super().__init__(channels)
            self.act = act

        def forward(self, x):
            return self.act(super().forward(x))

    act = nn.ReLU()
    model = Net(lambda m, x: m.b2(m.c2(m.b1(m.conv(x)))), b1=Act(4, act), c2=nn.Conv2d(4, 4, 3), b2=Act(4, act))
    expected = model(X)
    report = fold(model, X)
    assert [report.outcome_of(name) for name in ("b1", "b2")] == ["folded", "folded"]
    torch.testing.assert_close(model(X), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_result_that_is_written_elsewhere_is_left_alone():
    model = Net(lambda m, x: m.bn(torch.cat((m.conv(x),), 1, out=torch.empty(2, 4, 4, 4))))
    expected = model(X)
    assert fold(model, X).outcome_of("bn") == "scale-shifted"
    torch.testing.assert_close(model(X), expected, rtol=1e-5, atol=1e-5)


def test_hooks_of_all_modules_are_hooks_of_the_norms():
    model = Net(lambda m, x: m.bn(m.conv(x)))
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, output: None)
    try:
        assert fold(model, X).outcome_of("bn") == "left"
    finally:
        handle.remove()


def test_folds_of_a_part_and_of_the_whole_are_taken_back_newest_first():
    inner = Net(lambda m, x: m.bn(m.conv(x))).eval()
    model = nn.Sequential(inner, nn.ReLU()).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inner.bn.training = True
    fold(model, X)
    inner.bn.training = False
    fold(inner, X)
    unfold(model)
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())


def test_nothing_is_taken_back_from_a_model_whose_modules_were_exchanged():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)).eval()
    model[1].running_mean.normal_()
    fold(model, X)
    folded = model[0].bias.detach().clone()
    model[2] = nn.Identity()
    with pytest.raises(RuntimeError, match=r"expected the model as it was folded, got one without 2\.weight"):
        unfold(model)
    assert model[0].bias.equal(folded)
    assert isinstance(model[1], nn.Identity)


def test_the_handle_of_a_hook_works_after_a_computed_weight_has_come_back():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)).eval()
    handle = model[0].register_forward_pre_hook(lambda module, args: None)
    fold(model, X, materialize=True)
    unfold(model)
    handle.remove()
    assert not model[0]._forward_pre_hooks


def test_nothing_is_taken_back_where_something_else_stands_at_a_norms_place():
    """A norm would take the place of what somebody has put there."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    fold(model, X)
    model[1] = nn.Tanh()
    weight = model[0].weight.clone()
    with pytest.raises(RuntimeError, match="got one without what stood at 1"):
        unfold(model)
    assert isinstance(model[1], nn.Tanh)
    assert torch.equal(model[0].weight, weight)


def test_the_default_device_is_none_of_folds_business():
    """A CPU's model is folded while new tensors are made elsewhere: here nowhere, where no number can be read."""
    model = Net(lambda m, x: m.bn(torch.cat(m.conv(x).chunk(2, 1), 1)))
    expected = model(X)
    with torch.device("meta"):
        report = fold(model, X)
    assert report.outcome_of("bn") == "folded"
    torch.testing.assert_close(model(X), expected, rtol=1e-5, atol=1e-5)


@pytest.fixture
def few_bits():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    yield
    torch.set_default_dtype(before)


def test_hundreds_of_channels_are_told_apart_whatever_the_default_dtype(few_bits):
    """Of which bfloat16 could not write down the numbers."""
    conv, bn = nn.Conv2d(3, 600, 1, dtype=torch.float32), nn.BatchNorm2d(600, dtype=torch.float32)
    with torch.no_grad():
        bn.running_mean.copy_(torch.arange(600))
    model = Net(lambda m, x: m.bn(m.conv(x).reshape(2, 2, 300, 6, 6).transpose(1, 2).reshape(2, 600, 6, 6)), conv=conv)
    model.bn = bn.eval()
    expected = model(X)
    assert fold(model, X, verify=False).outcome_of("bn") == "folded"
    torch.testing.assert_close(model(X), expected, rtol=1e-5, atol=1e-3)
