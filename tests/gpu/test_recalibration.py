"""Population statistics of a model on a GPU: as exact as on the CPU, and all else as it was."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, TensorDataset

from batchnorm import recalibrate
from batchnorm.models import resnet20

from ..statistics.oracle import NETS, errors, images, make, norms, population, stale

CORRECTION = {"biased": 0, "unbiased": 1}


class LoaderError(Exception):
    """Raised by a loader."""


def on_cpu(model):
    return copy.deepcopy(model).cpu()


def state(model):
    """All tensors, bit by bit, and the random state of the device."""
    return [tensor.clone() for tensor in model.state_dict().values()], torch.cuda.get_rng_state()


def assert_same(one, other):
    assert torch.equal(one[1], other[1])
    assert all(torch.equal(a, b) for a, b in zip(one[0], other[0], strict=True))


@pytest.mark.usefixtures("full_float32")
@pytest.mark.parametrize("place", ["cpu", "gpu"])
@pytest.mark.parametrize("variance", CORRECTION)
@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("net", NETS)
def test_exact_statistics_are_those_of_float64_on_the_cpu(gpu, net, batch_size, variance, place):
    model, x = make(net), images()
    expected = population(model, x, CORRECTION[variance])
    batches = (x.to(gpu) if place == "gpu" else x).split(batch_size)
    recalibrate(model.to(gpu), batches, method="exact", variance=variance)
    assert max(errors(on_cpu(model), expected)) <= 1e-5


@pytest.mark.usefixtures("full_float32")
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("net", ["convbnnet", "resnet20"])
def test_average_gives_the_statistics_that_it_gives_on_the_cpu(gpu, net, memory_format):
    model, x = make(net), images()
    there = make(net).to(gpu, memory_format=memory_format)
    record = recalibrate(model, x.split(10))
    found = recalibrate(there, [batch.to(gpu, memory_format=memory_format) for batch in x.split(10)])
    expected = {
        name: (norm.running_mean.double().numpy(), norm.running_var.double().numpy())
        for name, norm in norms(model).items()
    }
    assert max(errors(on_cpu(there), expected)) <= 1e-5
    assert (found.fingerprint, found.samples) == (record.fingerprint, record.samples)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_model_under_autocast_gets_the_moments_of_what_its_norms_then_see(gpu, dtype):
    model, x = make("convbnnet").to(gpu), images().to(gpu)

    def forward(model, batch):
        with torch.autocast("cuda", dtype):
            return model(batch)

    record = recalibrate(model, x.split(7), method="exact", forward_fn=forward)
    assert record.certificate.settled == record.certificate.norms == len(norms(model))
    seen = {}
    for name, norm in norms(model.eval()).items():
        norm.register_forward_pre_hook(lambda norm, args, name=name: seen.setdefault(name, []).append(args[0]))
    with torch.no_grad():
        for batch in x.split(7):
            forward(model, batch)
    for name, norm in norms(model).items():
        values = torch.cat(seen[name]).double().cpu().transpose(0, 1).flatten(1).numpy()
        assert seen[name][0].dtype is dtype
        np.testing.assert_allclose(norm.running_mean.double().cpu().numpy(), values.mean(1), atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(norm.running_var.double().cpu().numpy(), values.var(1, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("benchmark", [False, True])
@pytest.mark.parametrize("net", NETS)
def test_the_certificate_holds_with_tf32_and_with_whatever_algorithm_cudnn_takes(gpu, net, benchmark, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", benchmark)
    model = make(net).to(gpu)
    record = recalibrate(model, images().split(7), method="exact")
    assert record.certificate.settled == record.certificate.norms == len(norms(model))


def test_a_loader_with_pinned_memory_is_read_like_any(gpu):
    models = [make("convbnnet").to(gpu) for _ in range(2)]
    for model, pinned in zip(models, (False, True), strict=True):
        recalibrate(model, DataLoader(TensorDataset(images()), batch_size=8, pin_memory=pinned), method="exact")
    for one, other in zip(models[0].buffers(), models[1].buffers(), strict=True):
        assert torch.equal(one, other)


def test_chance_on_the_gpu_is_the_same_in_every_round_and_goes_on_as_if_nothing_had_been(gpu):
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.BatchNorm1d(3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)

        def forward(self, x):
            x = self.b(self.a(x + torch.randn_like(x)).relu())
            return self.c(x + torch.randn_like(x))

    model = stale(Noisy()).to(gpu)
    before = torch.cuda.get_rng_state()
    record = recalibrate(model, torch.randn(60, 3).split(20), method="exact")
    assert record.certificate.settled == 3
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("method", ["average", "exact"])
@pytest.mark.parametrize("read", [1, 2])
def test_what_a_loader_raises_leaves_the_model_on_the_gpu_as_it_was(gpu, method, read):
    class Failing:
        reads = 0

        def __iter__(self):
            self.reads += 1
            yield images(8)
            if self.reads == min(read, 2 if method == "exact" else 1):
                raise LoaderError("disk")
            yield images(8)

    model = make("convbnnet").to(gpu).train()
    before = state(model)
    with pytest.raises(LoaderError, match="disk"):
        recalibrate(model, Failing(), method=method)
    assert_same(before, state(model))
    assert all(module.training for module in model.modules())


def test_values_that_are_not_finite_are_named(gpu):
    x = images().to(gpu)
    x[12, 0, 3, 3] = float("nan")
    with pytest.raises(ValueError, match=r"expected finite values in the input of .*, got NaN or infinity in batch 2"):
        recalibrate(make("convbnnet").to(gpu), x.split(10), method="exact")


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.usefixtures("full_float32")
def test_averaged_weights_and_a_compiled_model_are_seen_through(gpu):
    expected = population(make("convbnnet"), images())
    averaged = AveragedModel(make("convbnnet")).to(gpu)
    recalibrate(averaged, images().split(7), method="exact")
    assert max(errors(on_cpu(averaged.module), expected)) <= 1e-5
    net = make("convbnnet").to(gpu)
    record = recalibrate(torch.compile(net), images().split(7), method="exact")
    assert max(errors(on_cpu(net), expected)) <= 1e-5
    assert any("compile" in note for note in record.notes)


@pytest.mark.usefixtures("full_float32")
def test_norms_that_were_converted_for_many_gpus_are_recalibrated_too(gpu):
    net = stale(resnet20(image_size=8, width=4, norm="torch"))
    expected = population(net, images())
    net = nn.SyncBatchNorm.convert_sync_batchnorm(net).to(gpu)
    record = recalibrate(net, images().split(7), method="exact")
    assert len(record.norms) == len(expected)
    assert max(errors(on_cpu(net), expected)) <= 1e-5
