import math
import os
from dataclasses import replace

import pytest
import torch
from torch import nn

from batchnorm.models import ConvBNNet
from batchnorm.records import EpochRecord
from batchnorm.training import DivergenceError, StepReport, Watcher, fit, resume

from .runs import Stopper


def test_a_diverging_run_names_the_step_and_the_layer(few, quick) -> None:
    with pytest.raises(
        DivergenceError,
        match=r"epoch 1, step \d+ of 5: the loss became (nan|inf); first not finite: output of conv2 .*lower lr",
    ):
        fit(replace(quick, lr=1e30, norm="none"), source=few)


def test_a_diverging_run_keeps_the_last_good_checkpoint(few, quick, tmp_path) -> None:
    class Poison(Watcher):
        def __init__(self, net: nn.Module) -> None:
            self.net = net

        def epoch(self, record: EpochRecord) -> None:
            with torch.no_grad():
                self.net.bn1.weight.fill_(math.nan)

    torch.manual_seed(0)
    net = ConvBNNet(width=4)
    config = replace(quick, ema_decay=0.0)
    with pytest.raises(DivergenceError, match=r"epoch 2, step 1 of 5: .*parameter bn1\.weight.*last\.ckpt"):
        fit(config, out=tmp_path, model=net, source=few, watcher=Poison(net))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["states"]["model"]
    assert all(bool(tensor.isfinite().all()) for tensor in state.values())
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


def test_an_update_that_breaks_the_weights_in_the_last_step_is_never_saved(few, quick, tmp_path) -> None:
    config = replace(quick, epochs=1, batch_size=270, lr=1e38, momentum=0.0, norm="none", warmup=0.0, ema_decay=0.0)
    with pytest.raises(DivergenceError, match=r"the last update made .* infinite or NaN"):
        fit(replace(config, weight_decay=1e38), out=tmp_path, source=few)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config.toml"]


def test_a_stop_right_after_an_update_that_breaks_the_weights_saves_nothing(few, quick, tmp_path) -> None:
    config = replace(quick, batch_size=270, lr=1e38, momentum=0.0, norm="none", warmup=0.0, weight_decay=1e38)
    with pytest.raises(DivergenceError, match=r"the last update made .* infinite or NaN"):
        fit(config, out=tmp_path, source=few, watcher=Stopper(1))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config.toml"]


def test_running_statistics_that_are_not_finite_are_never_saved(few, quick, tmp_path) -> None:
    class Poison(Watcher):
        def step(self, report: StepReport) -> None:
            net.bn2.running_var.fill_(math.inf)

    net = ConvBNNet(width=4)
    with pytest.raises(DivergenceError, match=r"the last update made bn2\.running_var infinite or NaN"):
        fit(replace(quick, ema_decay=0.0), out=tmp_path, model=net, source=few, watcher=Poison())
    assert not (tmp_path / "last.ckpt").exists()


def test_a_validation_loss_that_is_not_finite_names_the_place(few, quick) -> None:
    class Overflow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flatten, self.fc = nn.Flatten(), nn.Linear(784, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.fc(self.flatten(x))
            return y if self.training else y * torch.inf

    with pytest.raises(DivergenceError, match=r"the validation loss became nan; first not finite: output of the net"):
        fit(quick, model=Overflow(), source=few)


@pytest.mark.parametrize("full_at", [2, 4, 6])
def test_a_full_disk_leaves_the_last_checkpoint_whole(few, quick, tmp_path, monkeypatch, full_at: int) -> None:
    """Config; then model, checkpoint and metrics of each epoch: the disk is full at one of them."""
    synced = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) >= full_at:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        fit(quick, out=tmp_path, source=few)
    monkeypatch.undo()
    assert not [entry for entry in tmp_path.iterdir() if entry.name.endswith(".part")]
    assert [record.epoch for record in resume(tmp_path, source=few).history] == [1, 2]
