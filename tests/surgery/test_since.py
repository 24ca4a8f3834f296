"""What became of a model since it was folded: unfold follows it, or refuses to lose what it has learned."""

import copy
import pickle

import pytest
import torch
from torch import nn

from batchnorm import drop_originals, fold, unfold

from .nets import X
from .test_interrupts import picture


def small(*, first: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=first),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(64, 2),
    )
    with torch.no_grad():
        for norm in (net[1], net[3], net[5]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    return net.eval()


def folded(**options) -> nn.Sequential:
    """One norm in a convolution, one a `ScaleShift`, and one that is left."""
    net = small()
    hook = net[5].register_forward_hook(lambda *_: None)
    report = fold(net, X, verify=False, **options)
    hook.remove()
    assert [report.outcome_of(name) for name in "135"] == ["folded", "scale-shifted", "left"]
    return net


def step(net) -> None:
    """A step of training in evaluation mode, as after a fold."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(X).square().mean().backward()
    optimizer.step()


@torch.no_grad()
def add(tensor) -> None:
    tensor.add_(1)


TRAINED = {
    "a step": step,
    "the folded weight": lambda net: add(net[0].weight),
    "the folded bias": lambda net: add(net[0].bias),
    "the constants of a scale-shift": lambda net: add(net[3].scale),
    "the statistics of a norm that was left": lambda net: net.train()(X),
    "another layer": lambda net: add(net[7].weight),
    "in another dtype": lambda net: add(net.double()[0].weight),
}


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("copied", [lambda net: net, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])  # noqa: S301  # our own bytes
def test_a_model_that_was_trained_since_is_not_unfolded_unless_told(kind, copied):
    net = copied(folded())
    TRAINED[kind](net)
    before = picture(net)
    with pytest.raises(
        RuntimeError, match=r"one that was trained since: \d\.\w+.* changed\. .* pass discard=True to lose it"
    ):
        unfold(net)
    assert picture(net) == before
    assert unfold(net, discard=True) == ("1", "3")
    assert torch.equal(net[0].weight, small()[0].weight.to(net[0].weight.dtype))


def test_the_tensors_that_changed_are_named():
    net = folded()
    add(net[0].weight)
    with pytest.raises(RuntimeError, match=r"trained since: 0\.weight changed"):
        unfold(net)


def reloaded(net) -> None:
    net.load_state_dict({name: tensor.clone() for name, tensor in net.state_dict().items()})


def exchanged(net) -> None:
    net[7] = nn.Linear(64, 3)


UNTRAINED = {
    "run": lambda net: net(X),
    "loaded with what it was": reloaded,
    "to float64 and back": lambda net: net.double().float(),
    "to half and back": lambda net: net.half().float(),
    "to bfloat16 and back": lambda net: net.bfloat16().float(),
    "another layout": lambda net: net.to(memory_format=torch.channels_last),
    "switched to training and back": lambda net: net.train().eval(),
    "a layer exchanged": exchanged,
}


@pytest.mark.parametrize("kind", UNTRAINED)
def test_what_is_no_training_is_none(kind):
    net = folded()
    UNTRAINED[kind](net)
    assert unfold(net) == ("1", "3")
    expected = small()
    for name in ("0.weight", "0.bias", "1.running_mean", "3.weight", "5.running_var"):
        assert torch.equal(net.state_dict()[name].double(), expected.state_dict()[name].double()) or "back" in kind


def test_a_buffer_that_a_forward_counts_in_is_no_training():
    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = small()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            self.calls += 1
            return self.body(x)

    net = Counted().eval()
    fold(net, X, verify=False)
    net(X)
    assert unfold(net)


def test_training_between_two_folds_is_not_lost_unasked():
    net = folded()
    add(net[0].weight)
    fold(net, X, verify=False)
    before = picture(net)
    with pytest.raises(RuntimeError, match=r"trained since: 0\.weight changed"):
        unfold(net)
    assert picture(net) == before


def test_a_weight_that_was_quantized_since_counts_as_changed():
    net = folded()
    net[7].weight = nn.Parameter(Odd(net[7].weight.detach()))
    with pytest.raises(RuntimeError, match=r"trained since: 7\.weight changed"):
        unfold(net)


class Odd(torch.Tensor):
    """Somebody's own, whose bytes nobody can have."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.cpu:
            raise NotImplementedError("packed")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_pickle_of_before_marks_is_unfolded():
    net = folded()
    (stash,) = net._batchnorm_folds
    _, state = stash.__getstate__()
    del state["marks"], state["trained"]
    stash.__setstate__((None, state))
    assert unfold(net) == ("1", "3")


# what comes back is as the model is now


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_norms_come_back_in_the_dtype_that_the_model_has_now(dtype):
    net = folded().to(dtype)
    unfold(net)
    assert {tensor.dtype for tensor in net.state_dict().values() if tensor.is_floating_point()} == {dtype}
    expected = small().to(dtype)
    assert all(torch.equal(tensor, expected.state_dict()[name]) for name, tensor in net.state_dict().items())


def test_norms_that_had_a_dtype_of_their_own_keep_it():
    net = nn.Sequential(nn.Conv2d(3, 4, 3).bfloat16(), nn.BatchNorm2d(4)).eval()
    assert fold(net, X.bfloat16(), verify=False).outcome_of("1") == "folded"
    net.float()
    unfold(net)
    assert (net[0].weight.dtype, net[1].weight.dtype) == (torch.float32, torch.float32)
    net[0].bfloat16()
    fold(net, X.bfloat16(), verify=False)
    unfold(net)
    assert (net[0].weight.dtype, net[1].weight.dtype) == (torch.bfloat16, torch.float32)


def test_norms_come_back_where_the_model_is_now():
    """The meta device stands for another one: it has no numbers, so that nothing can be said of training."""
    net = folded().to("meta")
    unfold(net)
    assert {tensor.device.type for tensor in net.state_dict().values()} == {"meta"}


def test_each_norm_has_the_mode_of_what_stood_in_its_place():
    net = folded()
    net[1].train()
    unfold(net)
    assert [net[place].training for place in (1, 3, 5)] == [True, False, False]


def test_all_norms_train_again_where_the_model_was_switched_to_training():
    net = folded().train()
    unfold(net)
    assert all(module.training for module in net.modules())


def test_norms_that_the_models_own_train_keeps_in_evaluation_come_back_in_evaluation():
    class Frozen(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
            return self

    net = Frozen(*small()).eval()
    fold(net, X, verify=False)
    net.train()
    unfold(net)
    assert net[0].training
    assert not any(net[place].training for place in (1, 3, 5))


def test_norms_are_frozen_and_thawed_with_the_weights_that_took_them_up():
    net = small()
    fold(net, X, verify=False)
    net.requires_grad_(False)
    unfold(net)
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_norms_that_were_frozen_by_themselves_stay_so():
    net = small()
    net[1].requires_grad_(False)
    fold(net, X, verify=False)
    net.train()
    unfold(net)
    assert [net[place].weight.requires_grad for place in (0, 1, 3)] == [True, False, True]


def test_a_computed_weight_comes_back_in_the_dtype_that_the_model_has_now():
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)).eval()
    fold(net, X, verify=False, materialize=True)
    net.double()
    unfold(net)
    assert net(X.double()).dtype == torch.float64


# letting go


def test_a_model_that_let_go_of_its_originals_is_half_as_large_and_computes_the_same():
    net = nn.Sequential(nn.Conv2d(3, 64, 9), nn.BatchNorm2d(64)).eval()
    fold(net, torch.randn(1, 3, 9, 9), verify=False)
    large, expected = len(pickle.dumps(net)), net(torch.ones(1, 3, 9, 9))
    drop_originals(net)
    assert len(pickle.dumps(net)) < 0.55 * large
    assert torch.equal(net(torch.ones(1, 3, 9, 9)), expected)


@pytest.mark.parametrize("drop", [drop_originals, lambda net: fold(net, X, keep_originals=False)])
def test_what_let_go_of_its_originals_cannot_be_unfolded_and_says_why(drop):
    net = small()
    if drop is drop_originals:
        fold(net, X, verify=False)
    drop(net)
    for one in (net, pickle.loads(pickle.dumps(net))):  # noqa: S301  # our own bytes
        with pytest.raises(
            ValueError, match=r"got one whose originals were dropped \(drop_originals, or keep_originals="
        ):
            unfold(one)


def test_letting_go_needs_a_folded_model():
    with pytest.raises(
        ValueError, match=r"expected a model that was folded, got one that is not, so that there is nothing"
    ):
        drop_originals(small())
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module, got int"):
        drop_originals(3)


def test_a_fold_that_fails_at_its_end_has_let_go_of_nothing(monkeypatch):
    def fail(model):
        raise KeyboardInterrupt("stop")

    net = folded()
    before = picture(net)
    monkeypatch.setattr("batchnorm.surgery.folding._fold._norms", fail)
    with pytest.raises(KeyboardInterrupt, match="stop"):
        fold(net, X, keep_originals=False)
    assert picture(net) == before
    assert unfold(net) == ("1", "3")
