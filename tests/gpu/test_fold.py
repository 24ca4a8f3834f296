"""Folding a model that lies on a GPU."""

import copy

import pytest
import torch

from batchnorm import fold, trace, unfold
from batchnorm.models import build

from ..statistics.oracle import stale

BOUND = {torch.float64: 1e-9, torch.float32: 1e-4}


def make(name, norm, dtype, gpu):
    torch.manual_seed(0)
    return stale(build(name, num_classes=10, in_channels=1, image_size=28, norm=norm)).to(gpu, dtype).eval()


@pytest.mark.usefixtures("full_float32")
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("norm", ["batchnorm", "torch"])
@pytest.mark.parametrize("name", ["ConvBNNet", "resnet20"])
def test_a_folded_model_answers_as_before_and_unfolds_to_the_same_bits(gpu, name, norm, dtype, memory_format):
    model = make(name, norm, dtype, gpu).to(memory_format=memory_format)
    before, x = copy.deepcopy(model), torch.randn(4, 1, 28, 28, device=gpu, dtype=dtype)
    with torch.no_grad():
        expected = model(x)
        record = fold(model, x)
        found = model(x)
    assert {norm.outcome for norm in record.norms} == {"folded"}
    torch.testing.assert_close(found, expected, rtol=0, atol=BOUND[dtype] * float(expected.abs().max()))
    unfold(model)
    for (key, value), (other, old) in zip(model.state_dict().items(), before.state_dict().items(), strict=True):
        assert key == other
        assert torch.equal(value, old)


def test_a_half_precision_model_is_folded_or_left_with_a_reason(gpu):
    model, x = make("resnet20", "torch", torch.float16, gpu), torch.randn(4, 1, 28, 28, device=gpu).half()
    with torch.no_grad():
        expected = model(x)
        record = fold(model, x)
        found = model(x)
    assert all(norm.outcome == "folded" or norm.reason for norm in record.norms)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-2 * float(expected.abs().max()))


def test_the_wiring_is_that_seen_on_the_cpu(gpu):
    model, x = make("resnet20", "torch", torch.float32, gpu), torch.randn(2, 1, 28, 28, device=gpu)
    there, here = str(trace(model, x)), str(trace(model.cpu(), x.cpu()))
    assert there == here


def test_that_a_model_draws_on_a_gpu_is_seen_and_its_generator_goes_back(gpu):
    class Noisy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3)

        def forward(self, x):
            return self.norm(x) + torch.randn_like(x)

    before = torch.cuda.get_rng_state()
    assert trace(Noisy().to(gpu).eval(), torch.ones(4, 3, device=gpu)).draws
    assert torch.equal(torch.cuda.get_rng_state(), before)
