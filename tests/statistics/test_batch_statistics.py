"""Normalizing by the batch's own statistics for a while, and leaving no trace of it."""

import copy

import pytest
import torch
from torch import Tensor, nn

import batchnorm
import batchnorm.nn
from batchnorm.statistics import use_batch_statistics

KINDS = {"ours": batchnorm.nn.BatchNorm2d, "torch": nn.BatchNorm2d}


def make(kind: str = "ours", **options: object) -> nn.Sequential:
    """A net with dropout and two norms that have seen other data than they will see."""
    torch.manual_seed(0)
    norm = KINDS[kind]
    net = nn.Sequential(nn.Conv2d(1, 4, 3), norm(4, **options), nn.Dropout(0.5), nn.Conv2d(4, 4, 3), norm(4))
    net(5 + 3 * torch.randn(8, 1, 8, 8))
    return net


def images() -> Tensor:
    return torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def flags(model: nn.Module) -> list[tuple[bool, object]]:
    return [(m.training, getattr(m, "track_running_stats", "none")) for m in model.modules()]


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_output_is_that_of_training_mode_bit_for_bit(kind, mode):
    model = make(kind).train(mode)
    reference = copy.deepcopy(model).train()
    reference[2].eval()
    with use_batch_statistics(model):
        output = model(images())
    assert torch.equal(output, reference(images()))


def test_each_channel_is_normalized_by_its_own_batch():
    model = make().eval()
    with use_batch_statistics(model):
        output = model(images()).double()
    torch.testing.assert_close(output.mean((0, 2, 3)), torch.zeros(4).double(), atol=1e-6, rtol=0)
    biased = output.var((0, 2, 3), correction=0)
    torch.testing.assert_close(biased, torch.ones(4).double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("kind", KINDS)
def test_no_buffer_moves_and_no_counter_counts(kind, momentum):
    model = make(kind, momentum=momentum)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with use_batch_statistics(model):
        model(images())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("mode", [True, False])
def test_everything_but_the_norms_evaluates(mode):
    model = make().train(mode)
    with use_batch_statistics(model):
        assert [m.training for m in model] == [False, True, False, False, True]


def test_the_activation_of_a_norm_evaluates():
    norm = batchnorm.nn.BatchNorm2d(4, activation=nn.Dropout(0.5))
    with use_batch_statistics(norm):
        assert not (norm(torch.randn(8, 4, 8, 8)) == 0).any()


@pytest.mark.parametrize("mode", [True, False])
def test_every_flag_comes_back(mode):
    model = make().train(mode)
    before = flags(model)
    with use_batch_statistics(model):
        pass
    assert flags(model) == before


def test_a_model_in_mixed_modes_gets_its_mixture_back():
    model = make()
    model[1].eval()
    model[2].train()
    model[4].track_running_stats = False
    model.training = False
    before = flags(model)
    with use_batch_statistics(model):
        model(images())
    assert flags(model) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_every_flag_comes_back_when_the_block_raises(error):
    model = make().eval()
    before = flags(model)
    with pytest.raises(error, match="midway"), use_batch_statistics(model):
        raise error("midway")
    assert flags(model) == before


def test_a_forward_that_raises_inside_leaves_no_trace():
    model = make().eval()
    before = flags(model)
    with pytest.raises(RuntimeError, match="channels"), use_batch_statistics(model):
        model(torch.zeros(2, 3, 8, 8))
    assert flags(model) == before


def test_blocks_within_blocks_give_back_step_by_step():
    model = make().eval()
    before = flags(model)
    with use_batch_statistics(model):
        within = flags(model)
        with use_batch_statistics(model):
            pass
        assert flags(model) == within
    assert flags(model) == before


class Stubborn(nn.BatchNorm2d):
    """A norm that is frozen: it stays in evaluation whatever `train` is told."""

    def train(self, mode: bool = True) -> "Stubborn":
        return super().train(False)


def test_a_frozen_norm_takes_part_and_is_frozen_again_afterwards():
    norm = Stubborn(4).train()
    x = 7 + torch.randn(8, 4, 5, 5)
    with use_batch_statistics(norm):
        assert norm(x).mean().abs() < 1e-5
    assert not norm.training


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_that_calls_eval_itself_gets_batch_statistics(kind):
    model = make(kind)
    with use_batch_statistics(model):
        expected = model(images())
        assert torch.equal(model.eval()(images()), expected)


def test_a_forward_that_freezes_its_norm_gets_batch_statistics():
    class Freezing(nn.BatchNorm2d):
        def forward(self, x):
            return super(Freezing, self.eval()).forward(x)

    norm = Freezing(4)
    with use_batch_statistics(norm):
        assert norm(7 + torch.randn(8, 4, 5, 5)).mean().abs() < 1e-5


def test_a_train_inside_the_block_moves_no_statistics_and_switches_all_else():
    model = make("torch").eval()
    before = flags(model)
    with use_batch_statistics(model):
        model.train()(images())
        assert model[2].training
        assert model[1].num_batches_tracked == 1  # the one of `make`
    assert flags(model) == before


def test_modes_can_be_switched_again_behind_the_block():
    model = make()
    with use_batch_statistics(model):
        pass
    assert not any(training for training, _ in flags(model.eval()))


def test_a_copy_that_is_made_inside_the_block_can_be_switched():
    model = make()
    with use_batch_statistics(model):
        copied = copy.deepcopy(model)
        assert not copied[1].eval().training
        assert model[1].training


@pytest.mark.parametrize(
    "verb",
    [
        lambda model: batchnorm.recalibrate(model, [images()]),
        lambda model: batchnorm.evaluate(model, [(images(), torch.zeros(6).long())]),
        lambda model: batchnorm.fold(model, images()),
    ],
    ids=["recalibrate", "evaluate", "fold"],
)
def test_what_needs_running_statistics_is_refused_inside_the_block(verb):
    model = make().eval()
    with use_batch_statistics(model):
        with pytest.raises(batchnorm.errors.RefusedError, match=r"one inside `with use_batch_statistics"):
            verb(model)
        assert model[1].training


def test_a_norm_without_buffers_works_as_ever():
    norm = batchnorm.nn.BatchNorm1d(3, track_running_stats=False).eval()
    x = torch.randn(5, 3)
    expected = norm(x)
    with use_batch_statistics(norm):
        assert torch.equal(norm(x), expected)


def test_gradients_are_those_of_training_mode():
    model = make()
    reference = copy.deepcopy(model)
    reference[2].eval()
    reference(images()).square().sum().backward()
    model.zero_grad()
    with use_batch_statistics(model.eval()):
        model(images()).square().sum().backward()
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(model.parameters(), reference.parameters(), strict=True))


@pytest.mark.parametrize("lazy", [nn.LazyBatchNorm2d, batchnorm.nn.LazyBatchNorm2d])
def test_a_lazy_norm_without_channels_is_named_before_anything_is_touched(lazy):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), lazy()).eval()
    before = flags(model)
    expected = r"got 1 \(LazyBatchNorm2d\), which has seen no batch yet\. Run one batch"
    with pytest.raises(RuntimeError, match=expected), use_batch_statistics(model):
        pass
    assert flags(model) == before


class Own(nn.BatchNorm1d):
    """A class of somebody's, which moves its statistics in its own forward."""

    def forward(self, x):
        state = (self.running_mean, self.running_var, self.weight, self.bias, self.training, 0.1, self.eps)
        return nn.functional.batch_norm(x, *state)


class NoNormOfTorchs(nn.Module):
    """Neither is its base class."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.eps = 1e-5

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, training=self.training, eps=self.eps)


@pytest.mark.parametrize("kind", [Own, NoNormOfTorchs])
def test_norms_of_any_class_normalize_by_the_batch_and_keep_their_statistics(kind):
    norm, x = kind(3).eval(), 5 + 2 * torch.randn(20, 3)
    with use_batch_statistics(norm):
        y = norm(x)
        assert torch.equal(norm.running_mean, torch.zeros(3))
    torch.testing.assert_close(y, (x - x.mean(0)) / (x.var(0, correction=0) + norm.eps).sqrt())
    assert torch.equal(norm.running_var, torch.ones(3))
    assert not norm.training


@pytest.mark.parametrize("kind", [Own, NoNormOfTorchs])
def test_norms_of_any_class_are_differentiated_in_the_block(kind):
    norm, x = kind(3).eval().double(), (5 + 2 * torch.randn(20, 3)).double().requires_grad_()
    with use_batch_statistics(norm):
        norm(x).square().sum().backward()
    assert x.grad.abs().max() < 1e-3
