"""Nets of others that cannot be copied, take gradients in their forward, or fail by an option: trained, or told why."""

import sys
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.models import build
from batchnorm.runs import fold_run, recalibrate_run
from batchnorm.training import fit, resume

from .runs import assert_same_bits

pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")


def with_weight_norm(num_classes: int = 10) -> nn.Module:
    """torch's older one: the weight is no parameter but computed, and copy.deepcopy refuses it."""
    torch.manual_seed(0)
    conv = torch.nn.utils.weight_norm(nn.Conv2d(1, 2, 5, stride=4))
    return nn.Sequential(conv, nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, num_classes))


class Locked(nn.Module):
    """Holds what nobody can copy."""

    def __init__(self) -> None:
        super().__init__()
        self.net = with_weight_norm()
        self.lock = threading.Lock()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with self.lock:
            return self.net(x)


@pytest.mark.parametrize("options", [{}, {"ema_decay": 0.0}, {"recalibrate": "exact", "fold": True}])
def test_a_net_with_the_older_weight_norm_is_trained(few, quick, tmp_path, options: dict[str, object]) -> None:
    quick = replace(quick, epochs=1, **options)
    done = fit(quick, model=with_weight_norm(), source=few, out=tmp_path)
    assert done.result.folded == (1 if "fold" in options else None)
    assert_same_bits(resume(tmp_path, model=with_weight_norm(), source=few).model.state_dict(), done.model.state_dict())


def test_a_run_of_it_is_recalibrated_and_folded(few, quick, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "weight_normed", sys.modules[__name__])
    fit(replace(quick, model_args={}), model="weight_normed:with_weight_norm", source=few, out=tmp_path / "run")
    own = {"source": few, "model": "weight_normed:with_weight_norm", "threads": 1}
    assert recalibrate_run(tmp_path / "run", **own).recalibration.samples == 271
    assert fold_run(tmp_path / "run", out=tmp_path / "folded", **own).report.named("scale-shifted") == ("1",)


@pytest.mark.parametrize("recalibrate", ["off", "average"])
def test_a_net_that_cannot_be_copied_is_tried_itself_and_put_back(few, quick, recalibrate: str) -> None:
    """The batch that it is tried with leaves nothing: the statistics are those of a copyable twin."""
    quick = replace(quick, ema_decay=0.0, epochs=1, recalibrate=recalibrate)
    locked, plain = fit(quick, model=Locked(), source=few), fit(quick, model=with_weight_norm(), source=few)
    assert_same_bits(locked.model.net.state_dict(), plain.model.state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"ema_decay": 0.9},
            r"^ema_decay: an average .* in a copy of the net, and .*_thread.lock.*\. Leave it at 0\.$",
        ),
        (
            {"fold": True, "ema_decay": 0.0},
            r"^fold: this net cannot be folded, leave it off: .* copied: .*_thread.lock",
        ),
    ],
)
def test_where_a_copy_is_needed_and_cannot_be_the_reason_is_told_before_images_are_read(
    few, quick, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit(replace(quick, **options), model=Locked(), source=few)
    assert few.loaded == []


class TakesGradients(nn.Module):
    """Its training asks for a gradient inside the forward, which there must be one to have."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(784, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = self.linear(x.flatten(1))
        if self.training:
            (slope,) = torch.autograd.grad(outputs.sum(), self.linear.weight, create_graph=True)
            return outputs - slope.sum() * 0
        return outputs


def test_a_net_that_takes_gradients_in_its_forward_is_trained(few, quick) -> None:
    assert len(fit(quick, model=TakesGradients(), source=few).history) == 2


class WithView(nn.Module):
    """Takes the images row by row in memory, as many nets do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(1, 4, 3), nn.Linear(2704, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.conv(x).view(len(x), -1))


def test_an_option_that_a_net_cannot_do_with_is_named(few, quick) -> None:
    with pytest.raises(InputError, match=r"^channels_last: True cannot compute this net, False can: view size is not"):
        fit(quick, model=WithView(), source=few)
    assert len(fit(replace(quick, channels_last=False), model=WithView(), source=few).history) == 2


class WithoutFile(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise FileNotFoundError("table.bin")


def test_what_a_forward_raised_is_named_with_its_type(few, quick) -> None:
    with pytest.raises(InputError, match=r"its forward raised FileNotFoundError: table\.bin$"):
        fit(quick, model=WithoutFile(), source=few)


@pytest.mark.parametrize(
    ("given", "meant"), [("nets.py:small", "nets:small"), ("./zoo/nets.py:small", "zoo.nets:small")]
)
def test_the_path_of_a_file_in_the_place_of_a_module_is_told_with_the_module(given: str, meant: str) -> None:
    with pytest.raises(
        InputError, match=rf"expected package\.module:function, got '{given}'\. Did you mean '{meant}'\?"
    ):
        build(given, num_classes=2, in_channels=1, image_size=8)
