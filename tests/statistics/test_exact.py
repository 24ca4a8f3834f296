"""Exact statistics against one float64 forward of all data, whatever the loader's batch size."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from batchnorm import recalibrate
from batchnorm.models import PlainNet

from .oracle import NETS, errors, images, inputs, make, moments, norms, population, stale

BATCH_SIZES = (1, 2, 7, 64)
CORRECTION = {"biased": 0, "unbiased": 1}


@pytest.mark.parametrize("variance", CORRECTION)
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("net", NETS)
def test_every_norm_has_the_moments_of_its_input_over_all_data(net, batch_size, variance):
    model, x = make(net), images()
    expected = population(model, x, CORRECTION[variance])
    recalibrate(model, x.split(batch_size), method="exact", variance=variance)
    assert max(errors(model, expected)) <= 1e-5


@pytest.mark.parametrize("batch_size", [13, 64])
def test_a_plain_net_of_50_norms_is_exact_from_statistics_that_fit_nothing(batch_size):
    torch.manual_seed(0)
    model = stale(PlainNet(depth=50, width=4, image_size=8)).double()
    x = images().double()
    expected = population(model, x)
    record = recalibrate(model, x.split(batch_size), method="exact")
    assert max(errors(model, expected)) <= 1e-10
    assert (record.depth, record.exact_depth) == (50, 50)


def test_a_plain_net_of_50_norms_is_as_exact_as_float32_can_run_it():
    torch.manual_seed(0)
    model, x = stale(PlainNet(depth=50, width=4, image_size=8)), images()
    expected = population(model, x, 0)
    # The same in float32: what one training forward of all data meets on its way.
    seen = inputs(model, [x], torch.float32)
    one_batch = {name: moments(values[0], 0) for name, values in seen.items()}
    own = max(np.max(np.abs(one_batch[name][0] - mean) / np.sqrt(var)) for name, (mean, var) in expected.items())
    recalibrate(model, x.split(7), method="exact", variance="biased")
    assert errors(model, expected)[0] <= 3 * own <= 3e-4


@pytest.mark.parametrize("net", NETS)
def test_biased_statistics_make_evaluation_the_training_forward_of_all_data(net):
    model, x = make(net), images()
    expected = copy.deepcopy(model).double().train()(x.double()).detach()
    recalibrate(model, x.split(2), method="exact", variance="biased")
    output = model.double().eval()(x.double())
    assert (output - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("net", ["mlp", "convbnnet"])
def test_the_batch_size_does_not_matter(net):
    models = [make(net) for _ in BATCH_SIZES]
    for model, batch_size in zip(models, BATCH_SIZES, strict=True):
        recalibrate(model, images().split(batch_size), method="exact")
    first = {
        name: (n.running_mean.double().numpy(), n.running_var.double().numpy()) for name, n in norms(models[0]).items()
    }
    assert max(max(errors(model, first)) for model in models[1:]) <= 2e-6


def test_norms_of_the_same_depth_settle_in_the_same_round():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.BatchNorm1d(3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)

        def forward(self, x):
            return self.c(self.a(x).relu() + self.b(x * 2 + 1).tanh())

    model, x = stale(Branches()), torch.randn(30, 3)
    expected = population(model, x)
    record = recalibrate(model, x.split(4), method="exact")
    assert max(errors(model, expected)) <= 1e-5
    assert {norm.name: norm.depth for norm in record.norms} == {"a": 1, "b": 1, "c": 2}
    assert [(done.kind, done.depth, done.norms) for done in record.rounds] == [
        ("average", None, 3),
        ("front", 2, 1),
        ("certificate", None, 3),
    ]


class Products(TorchDispatchMode):
    """Counts how often each weight is multiplied."""

    def __init__(self, model):
        super().__init__()
        self.names = {parameter.data_ptr(): name for name, parameter in model.named_parameters()}
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten.addmm.default, torch.ops.aten.mm.default):
            self.counts[self.names[args[-1].data_ptr()]] += 1
        return func(*args, **(kwargs or {}))


def test_a_round_stops_behind_the_front():
    model = make("mlp")
    with Products(model) as products:
        recalibrate(model, images().split(25), method="exact")
    # In two batches: the first pass, the three rounds that come so far, and the certificate; two looks at one batch.
    expected = {"linear2": 2 * (1 + 3 + 1) + 2, "linear4": 2 * (1 + 1 + 1) + 2, "fc": 2 + 2}
    assert {name: products.counts[f"{name}.weight"] for name in expected} == expected


HOOKS = {
    "forward hook": lambda model, hook: model.linear3.register_forward_hook(hook),
    "forward pre-hook": lambda model, hook: model.bn1.register_forward_pre_hook(hook),
    "backward hook": lambda model, hook: model.fc.register_full_backward_hook(hook),
    "hook of all modules": lambda model, hook: nn.modules.module.register_module_forward_hook(hook),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_with_a_hook_every_forward_is_completed(kind):
    model = make("mlp")
    handle = HOOKS[kind](model, lambda *_: None)
    try:
        with Products(model) as products:
            recalibrate(model, images().split(25), method="exact")
    finally:
        handle.remove()
    # Two looks at one batch, and five passes over two.
    assert {*products.counts.values()} == {2 + 2 * 5}


def test_with_a_forward_fn_every_forward_is_completed():
    model, ended = make("mlp"), []

    def run(model, batch):
        model(batch)
        ended.append(1)

    recalibrate(model, images().split(25), method="exact", forward_fn=run)
    assert len(ended) == 2 + 2 * 5


@pytest.mark.parametrize("net", NETS)
def test_the_certificate_is_the_distance_of_a_fresh_measurement(net):
    model, x = make(net), images()
    record = recalibrate(model, x.split(7), method="exact")
    assert record.certificate.settled == record.certificate.norms == len(norms(model))
    seen = {}
    for name, norm in norms(model.eval()).items():
        norm.register_forward_pre_hook(lambda norm, args, name=name: seen.setdefault(name, []).append(args[0].double()))
    with torch.no_grad():
        model(x)
    for norm in record.norms:
        values = np.moveaxis(seen[norm.name][0].numpy(), 1, 0).reshape(len(norm.new_mean), -1)
        shift = np.abs(values.mean(1) - norm.new_mean) / np.sqrt(values.var(1, ddof=1) + 1e-5)
        assert norm.residual_mean == pytest.approx(shift.max(), abs=3e-7)


def test_old_statistics_do_not_matter():
    models = [stale(make("mlp"), seed) for seed in (3, 4)]
    models[1].load_state_dict(
        {**models[0].state_dict(), **{k: v for k, v in models[1].state_dict().items() if "running" in k}}
    )
    for model in models:
        recalibrate(model, images().split(10), method="exact")
    for name, norm in norms(models[0]).items():
        torch.testing.assert_close(norm.running_mean, norms(models[1])[name].running_mean, rtol=0, atol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", ["average", "exact"])
def test_broken_statistics_are_mended(method, value):
    model, x = make("convbnnet"), images()
    for norm in norms(model).values():
        norm.running_var.fill_(value)
    record = recalibrate(model, x.split(10), method=method)
    assert all(norm.running_var.isfinite().all() for norm in norms(model).values())
    assert record.norms[0].old_var[0] is None
    assert record.norms[0].drift_var_max is None
