"""Which norms are frozen is seen in a training forward, whatever names, modes and classes say."""

import re

import pytest
import torch
from torch import nn

from batchnorm import recalibrate

from .oracle import images

METHODS = ("average", "exact")


def body():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


class Net(nn.Module):
    """A body whose norm is to be frozen, and a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = body()
        self.head = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))

    def forward(self, x):
        return self.head(self.body(x))


class KeptByParent(Net):
    def train(self, mode=True):
        super().train(mode)
        self.body.eval()
        return self


class KeptByParentWithoutAnswer(Net):
    """As many write it: returns nothing."""

    def train(self, mode=True):
        super().train(mode)
        self.body.eval()


class SetInForward(Net):
    def forward(self, x):
        self.body.eval()
        return super().forward(x)


class FixedBatchNorm2d(nn.Module):
    """Buffers that nothing moves, under a name of its own."""

    def __init__(self, channels):
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.rand(channels) + 0.5)

    def forward(self, x):
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        return x * scale[:, None, None] + (self.bias - self.running_mean * scale)[:, None, None]


class FixedClass(Net):
    def __init__(self):
        super().__init__()
        self.body[1] = FixedBatchNorm2d(4)


class WithoutMomentum(Net):
    def __init__(self):
        super().__init__()
        self.body[1].momentum = 0.0


class Unhooked(Net):
    """The statistics are given to the operator as copies, which it moves in vain."""

    def __init__(self):
        super().__init__()

        class Copying(nn.BatchNorm2d):
            def forward(self, x):
                state = (self.running_mean.clone(), self.running_var.clone(), self.weight, self.bias)
                return nn.functional.batch_norm(x, *state, self.training, 0.1, self.eps)

        self.body[1] = Copying(4)


FROZEN = {
    KeptByParent: "evaluation mode",
    KeptByParentWithoutAnswer: "evaluation mode",
    SetInForward: "the model's forward puts it into evaluation mode",
    FixedClass: "a FixedBatchNorm2d never moves",
    WithoutMomentum: r"does not move its statistics \(momentum = 0.0\)",
    Unhooked: "never moves",
}


@pytest.mark.parametrize("mode", [True, False, None], ids=["train", "eval", "as made"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", FROZEN)
def test_what_no_training_step_moves_is_not_moved_in_whatever_mode_the_model_is(kind, method, mode):
    model = kind()
    if mode is not None:
        model.train(mode)
    modes = [module.training for module in model.modules()]
    before = model.body[1].running_mean.clone()
    record = recalibrate(model, images().split(10), method=method)
    assert torch.equal(model.body[1].running_mean, before)
    assert [norm.name for norm in record.norms] == ["head.1"]
    assert record.skipped["body.1"].startswith("frozen: ")
    assert re.search(FROZEN[kind], record.skipped["body.1"])
    assert [module.training for module in model.modules()] == modes


@pytest.mark.parametrize(
    "kind", [kind for kind in FROZEN if kind is not Unhooked]
)  # of whose statistics nothing is read
def test_it_is_moved_if_asked_for(kind):
    model, x = kind(), images()
    record = recalibrate(model, x.split(10), method="exact", include_frozen=True)
    read = model.body[0](x).transpose(0, 1).flatten(1)
    torch.testing.assert_close(model.body[1].running_mean, read.mean(1).detach(), rtol=1e-5, atol=1e-6)
    assert record.skipped == {}


def test_a_net_in_evaluation_of_which_the_head_alone_trains():
    model = Net().eval()
    model.head.train()
    record = recalibrate(model, images().split(10))
    assert record.skipped == {
        "body.1": "frozen: it is in evaluation mode, and only a part of the model in training mode (head, head.0 ...)"
    }


def test_a_net_in_training_whose_body_is_in_evaluation():
    model = Net().train()
    model.body.eval()
    record = recalibrate(model, images().split(10))
    assert record.skipped == {"body.1": "frozen: it is in evaluation mode, and the model in training mode"}


def test_a_net_in_evaluation_but_for_its_dropout_says_which_part_trains():
    model = nn.Sequential(body(), nn.Dropout()).eval()
    model[1].train()
    with pytest.raises(ValueError, match=r"only a part of the model in training mode \(1\).*include_frozen=True"):
        recalibrate(model, images().split(10))


class NeedsTargets(Net):
    """Raises in training without targets, as detectors do; its norms are torch's."""

    def forward(self, x, targets=None):
        if self.training and targets is None:
            raise ValueError("In training mode, targets should be passed")
        return super().forward(x)


def test_a_model_that_cannot_train_on_a_batch_alone_is_told_by_its_modes():
    model = NeedsTargets()
    model.body.eval()
    record = recalibrate(model, images().split(10))
    assert "body.1" in record.skipped
    assert "(ValueError: In training mode, targets should be passed)" in record.notes[0]


def test_nothing_of_the_training_forward_is_left():
    class Counting(Net):
        def __init__(self):
            super().__init__()
            self.steps, self.seen = 0, []
            self.register_buffer("centre", torch.zeros(4))

        def forward(self, x):
            if self.training:
                self.steps += 1
                self.seen.append(x.mean())
                self.centre.add_(1)
                next(self.body.parameters()).grad = torch.ones(4, 1, 3, 3)
            return super().forward(x)

    model = Counting()
    state = torch.get_rng_state()
    recalibrate(model, images().split(10))
    assert (model.steps, model.seen) == (0, [])
    assert torch.equal(model.centre, torch.zeros(4))
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_block_that_is_left_out_by_chance_in_training_is_not_frozen():
    class Dropped(Net):
        def forward(self, x):
            return super().forward(x) if not self.training else self.head(self.body[:1](x))

    assert recalibrate(Dropped(), images().split(10)).skipped == {}


class Domains(nn.Module):
    """A norm for each domain, all of which the first batch does not call."""

    def __init__(self, norm):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(1), norm])

    def forward(self, x, domain):
        return self.norms[domain](x)


def still():
    return nn.BatchNorm2d(1, momentum=0.0)


UNCALLED = [(lambda: nn.BatchNorm2d(1), False), (still, True), (lambda: FixedBatchNorm2d(1), True)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("norm", "is_frozen"), UNCALLED)
def test_a_norm_that_the_first_batch_does_not_call_moves_if_it_moves_by_itself(norm, is_frozen, method):
    given = [(part, number % 2) for number, part in enumerate(images().split(10))]
    record = recalibrate(Domains(norm()), given, method=method)
    assert ("norms.1" in record.skipped) == is_frozen
    assert all(reason.startswith("frozen: ") for reason in record.skipped.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("norm", "is_frozen"), [(lambda: nn.BatchNorm2d(4), False), (lambda: FixedBatchNorm2d(4), True)]
)
def test_in_a_model_that_cannot_train_on_a_batch_alone_a_norm_moves_if_it_moves_by_itself(norm, is_frozen, method):
    model = NeedsTargets()
    model.body[1] = norm()
    before = model.body[1].running_mean.clone()
    record = recalibrate(model, images().split(10), method=method)
    assert ("body.1" in record.skipped) == is_frozen
    assert torch.equal(model.body[1].running_mean, before) == is_frozen


def test_of_a_norm_that_cannot_be_called_by_itself_nobody_knows_whether_it_moves():
    class Masked(nn.BatchNorm2d):
        def forward(self, x, *, mask):
            return super().forward(x * mask)

    class Detector(NeedsTargets):
        def __init__(self):
            super().__init__()
            self.masked = Masked(4)

        def forward(self, x, targets=None):
            return self.masked(super().forward(x, targets), mask=torch.ones(1))

    record = recalibrate(Detector(), images().split(10))
    assert record.skipped == {
        "masked": "it is not known whether training moves a Masked: no forward in training mode called it"
    }
    assert "by calling each by itself" in record.notes[0]


def test_a_norm_that_the_training_forward_comes_to_before_it_raises_is_judged_by_what_it_did():
    class Own(nn.BatchNorm2d):
        def forward(self, x):
            return super().forward(x)

    class Late(Net):
        def forward(self, x, targets=None):
            y = super().forward(x)
            if self.training and targets is None:
                raise ValueError("no loss without targets")
            return y

    model = Late()
    model.body[1], model.head[1] = Own(4), FixedBatchNorm2d(4)
    record = recalibrate(model, images().split(10))
    assert record.skipped == {"head.1": "frozen: a FixedBatchNorm2d never moves its statistics"}


def test_a_norm_is_called_by_itself_without_its_hooks():
    model, calls = Domains(nn.BatchNorm2d(1)), []
    model.norms[1].register_forward_hook(lambda module, args, output: calls.append(output))
    recalibrate(model, [(part, 0) for part in images().split(10)])
    assert calls == []


@pytest.mark.parametrize("method", METHODS)
def test_a_norm_that_moves_only_with_its_second_call_is_not_frozen(method):
    class Untracked(Net):
        """The first look at the data is not to be tracked, as in virtual adversarial training."""

        def forward(self, x):
            norm = self.body[1]
            momentum, norm.momentum = norm.momentum, 0.0
            self.body(x)
            norm.momentum = momentum
            return super().forward(x)

    assert recalibrate(Untracked(), images().split(10), method=method).skipped == {}


def of_this_package(moments):
    from batchnorm.nn import BatchNorm2d

    torch.manual_seed(0)
    norms = [BatchNorm2d(4, moments=moments) for _ in range(2)]
    return nn.Sequential(nn.Conv2d(1, 4, 3), norms[0], nn.ReLU(), nn.Conv2d(4, 4, 3), norms[1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("moments", ["population", "population:none"])
def test_statistics_that_no_batch_moves_because_they_are_to_be_measured_are_measured(moments, method):
    net, plain = of_this_package(moments), of_this_package("batch")
    for each in (net, plain):
        recalibrate(each, images(32).split(8), method=method)
    assert all(map(torch.equal, net.state_dict().values(), plain.state_dict().values()))
    assert [str(net[index].moments) for index in (1, 4)] == [moments] * 2


def test_a_norm_that_is_frozen_stays_so_whatever_its_source_of_moments():
    net = of_this_package("population").train()
    net[4].eval()
    record = recalibrate(net, images(32).split(8))
    assert "frozen" in record.skipped["4"]
    assert torch.equal(net[4].running_mean, torch.zeros(4))
