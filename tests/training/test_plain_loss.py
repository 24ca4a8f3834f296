"""The training loss without label smoothing, beside the one that is minimized: it can be compared with validation's."""

from dataclasses import replace

import pytest
import torch

from batchnorm.progress._training import describe_epoch
from batchnorm.records import EpochRecord, from_json, to_json
from batchnorm.runs import TrainingInterrupted
from batchnorm.training import StepReport, Watcher, fit, resume

from .runs import Stopper, without_times


def still(config, **options: object):
    """A training that moves no weight, so that two of them see the same."""
    return replace(config, lr=1e-30, weight_decay=0.0, ema_decay=0.0, epochs=1, **options)


def test_it_is_what_a_training_without_smoothing_has(few, quick) -> None:
    (smoothed,) = fit(still(quick, label_smoothing=0.3), source=few).history
    (plain,) = fit(still(quick, label_smoothing=0.0), source=few).history
    assert smoothed.train_plain_loss == pytest.approx(plain.train_loss, rel=1e-6)
    assert smoothed.train_loss != pytest.approx(plain.train_loss, rel=1e-3)
    assert plain.train_plain_loss == plain.train_loss


def test_the_two_differ_by_the_smoothing_alone(few, quick) -> None:
    """With eps of smoothing the loss is (1 - eps) * plain + eps * (mean over all classes), linear in eps."""
    losses = [fit(still(quick, label_smoothing=eps), source=few).history[0].train_loss for eps in (0.0, 0.2, 0.4)]
    assert losses[1] == pytest.approx((losses[0] + losses[2]) / 2, rel=1e-6)


def test_each_step_tells_both(few, quick) -> None:
    reports: list[StepReport] = []

    class Listener(Watcher):
        def step(self, report: StepReport) -> None:
            reports.append(report)

    record = fit(replace(quick, epochs=1), source=few, watcher=Listener()).history[0]
    assert (reports[-1].loss, reports[-1].plain_loss) == (record.train_loss, record.train_plain_loss)


def test_a_run_that_goes_on_has_the_same(few, quick, tmp_path) -> None:
    whole = fit(quick, source=few)
    with pytest.raises(TrainingInterrupted):
        fit(quick, out=tmp_path, source=few, watcher=Stopper(7))
    assert list(map(without_times, resume(tmp_path, source=few).history)) == list(map(without_times, whole.history))


def test_a_checkpoint_from_before_it_was_summed_gives_none_for_its_epoch_alone(few, quick, tmp_path) -> None:
    with pytest.raises(TrainingInterrupted):
        fit(quick, out=tmp_path, source=few, watcher=Stopper(2))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del state["position"]["plain"]
    torch.save(state, tmp_path / "last.ckpt")
    first, second = resume(tmp_path, source=few).history
    assert first.train_plain_loss is None
    assert second.train_plain_loss < second.train_loss


def test_a_line_from_before_is_read() -> None:
    line = to_json(EpochRecord(1, 5, 0.9, 0.5, None, None, 0.1, 1.0, 100.0))
    assert from_json(line.replace(', "train_plain_loss": null', ""), EpochRecord).train_plain_loss is None


@pytest.mark.parametrize(
    ("plain", "shown"), [(0.7, "train loss 0.9000 (plain 0.7000) accuracy"), (0.9, "loss 0.9000 acc")]
)
def test_an_epochs_line_shows_it_where_it_is_another(plain: float, shown: str) -> None:
    record = EpochRecord(1, 5, 0.9, 0.5, None, None, 0.1, 1.0, 100.0, train_plain_loss=plain)
    assert shown in describe_epoch(record, 3)
