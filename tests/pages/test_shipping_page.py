"""Which norms do exporters fold themselves, and what is left after `fold`, as docs/shipping.md says?"""

import importlib.util
from types import ModuleType

import pytest
import torch
from torch import nn

import batchnorm
from batchnorm.nn import BatchNorm2d

from .blocks import ROOT

WAYS = ("torch.export", "ONNX", "ONNX, TorchScript-based", "TorchScript")


@pytest.fixture(scope="module")
def exporters() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exporters", ROOT / "benchmarks" / "exporters.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def net(norm: type[nn.Module]) -> nn.Sequential:
    """A norm before a convolution, one behind it, and one behind a linear layer, with statistics that matter."""
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 8, 3, bias=False),
        norm(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(288, 5),
        nn.BatchNorm1d(5),
    )
    layers(torch.randn(16, 3, 8, 8) + 1)
    return layers.eval()


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm2d, lambda width: BatchNorm2d(width, activation="relu")], ids=["torch", "ours"]
)
@pytest.mark.parametrize("way", WAYS)
def test_after_fold_no_norm_is_in_the_file_and_the_outputs_are_the_same(exporters, way, norm) -> None:
    model, x = net(norm), torch.randn(2, 3, 8, 8)
    expected = model.double()(x.double()).float()
    batchnorm.fold(model.float(), x)
    shipped = exporters.export(way, model, x)
    found = shipped.run(x)
    assert shipped.norms == 0
    torch.testing.assert_close(found[0] if isinstance(found, list) else found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("way", "left"), [*zip(WAYS, (3, 1, 2, 1), strict=True)])
def test_no_exporter_folds_a_norm_before_a_convolution_and_only_two_one_behind_a_linear_layer(
    exporters, way, left
) -> None:
    model = net(nn.BatchNorm2d)
    assert exporters.export(way, model, torch.randn(2, 3, 8, 8)).norms == left
