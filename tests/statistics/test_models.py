"""Models of every kind: frozen, shared, uncalled and looping norms, dropout, wrappers, averages of weights."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import batchnorm.nn
from batchnorm import recalibrate

from .oracle import errors, images, inputs, make, moments, norms, picture, population, stale
from .test_who_moves import FixedBatchNorm2d

METHODS = ("average", "exact")


class FrozenBatchNorm2d(FixedBatchNorm2d):
    """As in torchvision: buffers alone, and no counter."""


class Stubborn(nn.BatchNorm2d):
    """A norm that train() leaves in evaluation."""

    def train(self, mode=True):
        return super().train(False)


def statistics(model):
    return {name: (n.running_mean.clone(), n.running_var.clone()) for name, n in norms(model).items()}


def same(a, b):
    return torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


KINDS = {
    "torch": nn.BatchNorm2d,
    "ours": batchnorm.nn.BatchNorm2d,
    "synchronized": nn.SyncBatchNorm,
    "own subclass": type("Own", (nn.BatchNorm2d,), {}),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_norm(kind, method):
    torch.manual_seed(0)
    norm = KINDS[kind]
    model = stale(nn.Sequential(nn.Conv2d(1, 4, 3), norm(4), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), norm(4)))
    x = images()
    plain = stale(
        nn.Sequential(nn.Conv2d(1, 4, 3), KINDS["torch"](4), nn.ReLU(), nn.Conv2d(4, 4, 3), KINDS["torch"](4))
    )
    plain.load_state_dict(model.state_dict())
    expected = population(plain, x)
    if method == "average":
        expected = {name: moments(torch.cat(got), 1) for name, got in inputs(plain, x.split(10)).items()}
    record = recalibrate(model, x.split(10), method=method)
    assert max(errors(model, expected)) <= 1e-5
    assert {entry.kind for entry in record.norms} == {norm.__name__}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("frozen", [FrozenBatchNorm2d, Stubborn])
def test_a_frozen_norm_is_left_alone_and_named(frozen, method):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), frozen(4), nn.ReLU(), nn.BatchNorm2d(4))
    before = statistics(model)
    record = recalibrate(model, images().split(10), method=method)
    assert same(statistics(model)["1"], before["1"])
    assert not same(statistics(model)["3"], before["3"])
    assert record.skipped["1"].startswith("frozen: ")
    assert [norm.name for norm in record.norms] == ["3"]


@pytest.mark.parametrize("frozen", [FrozenBatchNorm2d, Stubborn])
def test_a_frozen_norm_is_written_if_asked_for(frozen):
    model, x = nn.Sequential(nn.Conv2d(1, 4, 3), frozen(4), nn.ReLU(), nn.BatchNorm2d(4)), images()
    expected = population(model, x)
    record = recalibrate(model, x.split(10), method="exact", include_frozen=True)
    assert max(errors(model, expected)) <= 1e-5
    assert record.skipped == {}


def test_a_norm_in_evaluation_within_a_model_in_training_counts_as_frozen():
    model = make("mlp").train()
    model.bn2.eval()
    before = statistics(model)
    record = recalibrate(model, images().split(10), method="exact")
    assert record.skipped == {"bn2": "frozen: it is in evaluation mode, and the model in training mode"}
    assert same(statistics(model)["bn2"], before["bn2"])
    assert not model.bn2.training
    assert model.bn1.training


def test_a_model_in_evaluation_is_not_frozen():
    assert recalibrate(make("mlp").eval(), images().split(10)).skipped == {}


def test_all_frozen_is_refused():
    model = nn.Sequential(Stubborn(1))
    before = picture(model)
    with pytest.raises(ValueError, match=r"none that may be changed \(0: frozen: .*include_frozen=True"):
        recalibrate(model, [images()])
    assert picture(model) == before


@pytest.mark.parametrize("method", METHODS)
def test_a_norm_that_is_never_called_is_left_alone_and_named(method):
    model = make("mlp")
    model.fc.spare = nn.BatchNorm1d(7)
    record = recalibrate(model, images().split(10), method=method)
    assert record.skipped == {"fc.spare": "no batch reached it"}
    assert torch.equal(model.fc.spare.running_var, torch.ones(7))
    assert model.fc.spare.num_batches_tracked == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_norm_without_statistics_is_named(method):
    model = nn.Sequential(nn.BatchNorm2d(1), nn.BatchNorm2d(1, track_running_stats=False))
    record = recalibrate(model, images().split(10), method=method)
    assert record.skipped == {"1": "it keeps no running statistics"}


@pytest.mark.parametrize("method", METHODS)
def test_dropout_is_off(method):
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(1), nn.Dropout(0.9), nn.BatchNorm2d(1)).train()
    x = images()
    expected = population(model, x, 0)
    recalibrate(model, [x], method=method, variance="biased")
    assert max(errors(model, expected)) <= 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_a_norm_that_is_called_several_times_gets_pooled_moments(method):
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x):
            return self.norm(x) + self.norm(input=5 - 3 * x.square())

    model, x = Shared(), torch.randn(40, 3)
    mean, var = moments(torch.cat([x.double(), 5 - 3 * x.double().square()]), 1)
    record = recalibrate(model, x.split(7), method=method)
    assert max(errors(model, {"norm": (mean, var)})) <= 1e-5
    assert (record.norms[0].calls, record.norms[0].count) == (2, 80)


def test_modules_that_share_their_buffers_are_one_norm():
    first, second = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    second.running_mean, second.running_var = first.running_mean, first.running_var
    model, x = nn.Sequential(first, second), torch.randn(40, 3)
    record = recalibrate(model, x.split(8), method="exact")
    assert len(record.norms) == 1
    assert record.norms[0].calls == 2
    assert record.certificate.settled == 1


class Recurrent(nn.Module):
    """One norm, of its own output again."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.step = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        for _ in range(3):
            x = self.norm(self.step(x)).tanh()
        return x


def test_a_norm_that_reads_its_own_output_comes_to_rest():
    model, x = Recurrent().double(), 3 + torch.randn(60, 4).double()
    record = recalibrate(model, x.split(7), method="exact", tolerance=1e-8)
    seen = []
    model.eval().norm.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    model(x)
    assert max(errors(model, {"norm": moments(torch.cat(seen), 1)})) <= 1e-8
    assert record.certificate.settled == 1
    assert len(record.rounds) > 3


def test_a_norm_that_reads_its_own_output_may_run_out_of_rounds():
    model, x = Recurrent(), 3 + torch.randn(60, 4)
    before = picture(model)
    with pytest.raises(RuntimeError, match="enough rounds to settle all norms, got 3, in which 0 of 1 were settled"):
        recalibrate(model, x.split(7), method="exact", max_rounds=3)
    assert picture(model) == before


def test_a_compiled_model_is_recalibrated_through_its_original():
    model = make("mlp")
    twin = copy.deepcopy(model)
    compiled = torch.compile(model, backend="eager")
    record = recalibrate(compiled, images().split(10), method="exact")
    recalibrate(twin, images().split(10), method="exact")
    assert all(map(torch.equal, model.state_dict().values(), twin.state_dict().values()))
    assert "the original module is meant" in record.notes[0]
    assert record.norms[0].name == "bn1"


def test_a_model_that_was_compiled_in_place():
    model, x = make("mlp"), images()
    expected = population(model, x)
    model.compile(backend="eager")
    with torch.no_grad():
        model(x)
    recalibrate(model, x.split(10), method="exact")
    assert max(errors(model, expected)) <= 1e-5


@pytest.mark.parametrize("average", [None, get_ema_multi_avg_fn(0.9)], ids=["swa", "ema"])
@pytest.mark.parametrize("method", METHODS)
def test_an_average_of_weights(method, average):
    model, x = make("mlp"), images()
    model.train(mode=average is None)  # the wrapper itself is in training mode whatever the net is in
    averaged = AveragedModel(model, multi_avg_fn=average)
    for seed in range(3):
        torch.manual_seed(seed)
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        averaged.update_parameters(model)
    expected = population(averaged, x)
    if method == "average":
        expected = {name: moments(torch.cat(got), 1) for name, got in inputs(averaged, x.split(10)).items()}
    before = statistics(model)
    record = recalibrate(averaged, x.split(10), method=method)
    assert max(errors(averaged, expected)) <= 1e-5
    assert [norm.name for norm in record.norms] == [f"module.bn{number}" for number in (1, 2, 3, 4)]
    assert all(same(before[name], now) for name, now in statistics(model).items())
    assert averaged.n_averaged == 3


def test_the_order_of_calls_may_depend_on_the_batch():
    class Either(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.last = (nn.BatchNorm1d(3) for _ in range(3))

        def forward(self, x):
            return self.last((self.left if len(x) > 4 else self.right)(x))

    model, x = Either(), torch.randn(40, 3)
    record = recalibrate(model, [x[:30], x[30:34], x[34:]], method="exact")
    assert "not called in the same order in every batch" in record.notes[0]
    assert record.certificate.settled == 3
    assert [norm.count for norm in record.norms] == [36, 4, 40]
    left = moments(torch.cat([x[:30], x[34:]]), 1)
    assert max(errors(model, {"left": left, "right": moments(x[30:34], 1)})) <= 1e-5


class Routed(nn.Module):
    """Calls its norms in one order where a norm gives a mean of 0, as it does by batch statistics, else in another."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.BatchNorm1d(3) for _ in range(3))

    def forward(self, x):
        y = self.a(x)
        return self.c(self.b(y).relu()) if y.mean().abs() < 1e-5 else self.b(self.c(y).relu())


def test_the_order_of_calls_is_that_of_evaluation():
    torch.manual_seed(0)
    model, x = stale(Routed()), torch.randn(40, 3)
    model.a.bias.data.zero_()
    record = recalibrate(model, x.split(7), method="exact")
    assert "in evaluation the model calls its norms in another order" in record.notes[0]
    assert {norm.name: norm.depth for norm in record.norms} == {"a": 1, "c": 2, "b": 3}
    assert record.certificate.settled == 3


@pytest.mark.parametrize("grad", [True, False])
def test_requires_grad_and_gradients_stay(grad):
    model = make("mlp").requires_grad_(grad)
    kept = torch.ones_like(model.fc.weight)
    model.fc.weight.grad = kept
    recalibrate(model, images().split(10), method="exact")
    assert model.fc.weight.grad is kept
    assert torch.equal(kept, torch.ones_like(kept))
    assert {parameter.requires_grad for parameter in model.parameters()} == {grad}


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_runs_in_any_mode_of_autograd(context):
    model, x = make("mlp"), images()
    expected = population(model, x)
    with context():
        record = recalibrate(model, x.split(10), method="exact")
    assert max(errors(model, expected)) <= 1e-5
    assert record.notes == ()
