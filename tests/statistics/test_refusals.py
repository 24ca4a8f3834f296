"""What is refused, by which words, and that the model is bit for bit as before."""

import pytest
import torch
from torch import nn

import batchnorm.nn
from batchnorm import recalibrate

from .oracle import images, make, picture

REFUSED = {
    "method": (
        {"method": "exakt"},
        ValueError,
        r"method: expected 'average' or 'exact', got 'exakt'\. Did you mean 'exact'",
    ),
    "variance": ({"variance": 1}, ValueError, "variance: expected 'unbiased' or 'biased', got 1"),
    "max_samples": ({"max_samples": 0}, ValueError, "max_samples: expected an integer of at least 1, got 0"),
    "max_samples, type": ({"max_samples": True}, TypeError, "max_samples: expected an integer or None, got True"),
    "max_rounds": ({"max_rounds": 1}, ValueError, "max_rounds: expected an integer of at least 2, got 1"),
    "tolerance": ({"tolerance": 0}, ValueError, "tolerance: expected a number above 0, got 0"),
    "forward_fn": ({"forward_fn": 3}, TypeError, r"forward_fn: expected a function of \(model, batch\), got int"),
}
LOADERS = {
    "empty": ([], ValueError, "at least one batch, got none"),
    "only empty batches": ([torch.zeros(0, 1, 8, 8)], ValueError, "at least one batch, got none"),
    "a tensor": (torch.zeros(4, 1, 8, 8), TypeError, "iterable of batches, got Tensor.*into a list"),
    "no iterable": (3, TypeError, "iterable of batches, got int.*DataLoader"),
    "labels first": (
        [("a", images(4))],
        TypeError,
        "tuple or list with the tensor first.*begins with str.*forward_fn",
    ),
    "an empty tuple": ([()], TypeError, "got tuple that is empty"),
    "a number": ([1.0], TypeError, "got float"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_argument_that_cannot_be_meant(case):
    options, error, words = REFUSED[case]
    model = make("convbnnet")
    before = picture(model)
    with pytest.raises(error, match=words):
        recalibrate(model, [images(4)], **options)
    assert picture(model) == before


@pytest.mark.parametrize("case", LOADERS)
@pytest.mark.parametrize("method", ["average", "exact"])
def test_a_loader_that_gives_no_batches(method, case):
    loader, error, words = LOADERS[case]
    model = make("convbnnet")
    before = picture(model)
    with pytest.raises(error, match=words):
        recalibrate(model, loader, method=method)
    assert picture(model) == before


@pytest.mark.parametrize("options", [{"method": "exact"}, {"certify": True}])
def test_a_loader_that_can_be_read_once_where_it_is_needed_again(options):
    model = make("convbnnet")
    before = picture(model)
    with pytest.raises(ValueError, match=r"read several times, got a generator.*average"):
        recalibrate(model, (batch for batch in images().split(10)), **options)
    assert picture(model) == before


def test_no_model():
    with pytest.raises(TypeError, match=r"model: expected a torch\.nn\.Module, got list"):
        recalibrate([], [images()])


@pytest.mark.parametrize(
    "model", [nn.Conv2d(1, 1, 3), nn.Sequential(nn.InstanceNorm2d(1, track_running_stats=True)), nn.GroupNorm(1, 1)]
)
def test_no_norm(model):
    with pytest.raises(
        ValueError, match="batch norms that have running statistics, got none: there is nothing to recalibrate"
    ):
        recalibrate(model, [images()])


def test_no_norm_that_keeps_statistics():
    with pytest.raises(ValueError, match=r"none that may be changed \(0: it keeps no running statistics\)"):
        recalibrate(nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False)), [images()])


def test_a_forward_that_calls_no_norm():
    model = make("convbnnet")
    with pytest.raises(ValueError, match=r"a forward that calls the model's norms, got one that calls none of the 2"):
        recalibrate(model, [images()], forward_fn=lambda model, batch: None)


@pytest.mark.parametrize("lazy", [nn.LazyBatchNorm2d, batchnorm.nn.LazyBatchNorm2d])
def test_a_lazy_norm_that_has_seen_no_batch(lazy):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), lazy())
    with pytest.raises(RuntimeError, match=r"got 1 \(LazyBatchNorm2d\), which has seen no batch yet"):
        recalibrate(model, [images()])


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_model_of_torch_jit():
    with pytest.raises(ValueError, match=r"modules written in Python, got 0 of torch\.jit.*before it was scripted"):
        recalibrate(torch.jit.script(nn.Sequential(nn.BatchNorm2d(1))), [images()])


def test_one_value_per_channel_in_a_batch_of_average():
    model = make("mlp")
    before = picture(model)
    with pytest.raises(ValueError, match=r"got one for bn1 in batch 3, which has no variance.*method='exact'"):
        recalibrate(model, images(21).split(10))
    assert picture(model) == before


def test_one_value_per_channel_in_all_data():
    model = make("mlp")
    before = picture(model)
    with pytest.raises(ValueError, match="one value per channel in all of the data, got one for bn1"):
        recalibrate(model, [images(1)], method="exact")
    assert picture(model) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("method", ["average", "exact"])
@pytest.mark.parametrize("net", ["mlp", "convbnnet"])
def test_data_that_are_not_finite(net, method, value):
    model, x = make(net), images()
    x[17, 0, 3, 3] = value
    before = picture(model)
    with pytest.raises(ValueError, match=r"finite values in the input of bn1, got NaN or infinity in batch 4\."):
        recalibrate(model, x.split(5), method=method)
    assert picture(model) == before


@pytest.mark.parametrize("method", ["average", "exact"])
def test_weights_that_are_not_finite_are_found_at_the_norm_behind_them(method):
    model = make("resnet20")
    model.stage2[0].residual.conv2.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"the input of stage2\.0\.residual\.\w+2, got NaN or infinity in batch 1\."):
        recalibrate(model, images().split(10), method=method)


@pytest.mark.parametrize("net", ["mlp", "resnet20"])
def test_too_few_rounds_are_refused_before_they_run(net):
    model = make(net)
    needed = {"mlp": 5, "resnet20": 20}[net]
    before = picture(model)
    with pytest.raises(RuntimeError, match=rf"max_rounds: expected at least {needed} for this model, got {needed - 1}"):
        recalibrate(model, images().split(10), method="exact", max_rounds=needed - 1)
    assert picture(model) == before
    recalibrate(model, images().split(10), method="exact", max_rounds=needed)
