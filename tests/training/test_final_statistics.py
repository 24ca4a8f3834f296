"""A training that ends with a recalibration."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from batchnorm.errors import InputError
from batchnorm.runs import RunFolder, TrainConfig, TrainingInterrupted, load_run, recalibrate_run
from batchnorm.statistics import RecalibrationOptions
from batchnorm.training import Watcher, fit, resume

from .runs import assert_same_bits, weights

METHODS = ["average", "exact"]


class StopInRound(Watcher):
    """Sends a signal to this process in a round of the recalibration."""

    def __init__(self, number: int) -> None:
        self.number = number

    def batch(self, done: int, total: int | None, number: int) -> None:
        if number == self.number:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
@pytest.mark.parametrize("method", METHODS)
def test_it_is_what_recalibrating_the_finished_run_gives(few, quick, tmp_path, method: str, ema_decay: float) -> None:
    quick = replace(quick, ema_decay=ema_decay)
    fit(quick, out=tmp_path / "off", source=few)
    recalibrate_run(tmp_path / "off", source=few, options=RecalibrationOptions(method=method), threads=1)
    trained = fit(replace(quick, recalibrate=method), out=tmp_path / "on", source=few)
    assert_same_bits(weights(tmp_path / "on"), weights(tmp_path / "off"))
    assert_same_bits(weights(tmp_path / "on"), trained.model.state_dict())


def test_the_result_is_tested_after_it(few, quick, tmp_path) -> None:
    """The test's accuracy and loss are those of the file."""
    result = fit(replace(quick, recalibrate="exact"), out=tmp_path, source=few).result
    net, card = load_run(tmp_path)
    test = few.load("test")
    with torch.no_grad():
        outputs = net(card.normalization.apply(test.images))
    assert result.test_loss == pytest.approx(torch.nn.functional.cross_entropy(outputs, test.labels).item(), rel=1e-5)
    assert result.recalibrate == "exact"
    assert RunFolder.open(tmp_path).read_result() == result


def test_the_record_judges_by_the_images_that_were_held_out(few, quick, tmp_path) -> None:
    heard = []

    class Listener(Watcher):
        recalibrated = staticmethod(heard.append)

    trained = fit(replace(quick, recalibrate="exact"), out=tmp_path, source=few, watcher=Listener())
    said = json.loads((tmp_path / "recalibration.json").read_text())
    assert (said["judged_on"], said["judged"]) == ("validation", 29)  # about a tenth of each class
    assert said["before"] == {"loss": trained.result.val_loss, "accuracy": trained.result.val_accuracy}
    assert [record.sha256 for record in heard] == [said["sha256"]]
    assert few.loaded.count("test") == 1


def test_without_images_that_are_held_out_nothing_judges(few, quick) -> None:
    heard = []

    class Listener(Watcher):
        recalibrated = staticmethod(heard.append)

    fit(replace(quick, recalibrate="average", val_fraction=0.0), source=few, watcher=Listener())
    assert (heard[0].judged_on, heard[0].before, heard[0].after) == (None, None, None)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_interrupted_one_is_done_again(few, quick, tmp_path, number: int) -> None:
    quick = replace(quick, recalibrate="exact")
    fit(quick, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match=r"stopped after the last epoch, before the test; all is saved"):
        fit(quick, out=tmp_path / "parts", source=few, watcher=StopInRound(number))
    assert RunFolder.open(tmp_path / "parts").read_result() is None
    assert not (tmp_path / "parts" / "recalibration.json").exists()
    resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_one_that_died_before_its_checkpoint_is_done_again_to_the_same_bits(few, quick, tmp_path, monkeypatch) -> None:
    from batchnorm.training import _final_statistics

    quick = replace(quick, recalibrate="exact")

    def dies(*_: object) -> None:
        raise SystemExit("died")

    with monkeypatch.context() as patch:
        patch.setattr(_final_statistics, "save_checkpoint", dies)
        with pytest.raises(SystemExit, match="died"):
            fit(quick, out=tmp_path, source=few)
    written, kept = weights(tmp_path), (tmp_path / "model.before-recalibration.safetensors").read_bytes()
    resume(tmp_path, source=few)
    assert_same_bits(weights(tmp_path), written)
    assert (tmp_path / "model.before-recalibration.safetensors").read_bytes() == kept


def test_one_that_is_saved_is_not_done_again(few, quick, tmp_path, monkeypatch) -> None:
    """As if the process had died in the test of the net: the record keeps what it said of the net before."""
    from batchnorm.training import _loop

    quick = replace(quick, recalibrate="exact")

    def dies(*_: object) -> None:
        raise SystemExit("died")

    with monkeypatch.context() as patch:
        patch.setattr(_loop, "final_test", dies)
        with pytest.raises(SystemExit, match="died"):
            fit(quick, out=tmp_path, source=few)
    said = (tmp_path / "recalibration.json").read_bytes()
    resume(tmp_path, source=few, watcher=StopInRound(1))
    assert (tmp_path / "recalibration.json").read_bytes() == said


def test_a_finished_run_gives_the_recalibrated_net_again_and_does_nothing(few, quick, tmp_path) -> None:
    done = fit(replace(quick, recalibrate="exact"), out=tmp_path, source=few)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = resume(tmp_path, source=few, watcher=StopInRound(1))
    assert again.result == done.result
    assert_same_bits(again.model.state_dict(), done.model.state_dict())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_result_from_before_the_option_is_read(few, quick, tmp_path) -> None:
    done = fit(quick, out=tmp_path, source=few)
    said = json.loads((tmp_path / "result.json").read_text())
    del said["recalibrate"]
    (tmp_path / "result.json").write_text(json.dumps(said))
    assert RunFolder.open(tmp_path).read_result() == done.result


def test_a_run_is_not_resumed_with_another_choice(few, quick, tmp_path) -> None:
    from batchnorm.runs import write_config

    fit(quick, out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), recalibrate="exact")
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"the run was started with other options: recalibrate\. Put them back"):
        resume(tmp_path, source=few)


def test_a_net_without_norms_is_refused_before_its_images_are_read(few, quick) -> None:
    with pytest.raises(InputError, match=r"recalibrate: this net cannot be recalibrated, leave it off: .* got none"):
        fit(replace(quick, norm="none", recalibrate="exact"), source=few)
    assert few.loaded == []


def test_a_net_whose_norms_are_all_frozen_is_told_what_a_training_can_do(few, quick) -> None:
    class FrozenBatchNorm2d(torch.nn.BatchNorm2d):
        def train(self, mode: bool = True) -> torch.nn.Module:
            return super().train(False)

    net = torch.nn.Sequential(FrozenBatchNorm2d(1), torch.nn.Flatten(), torch.nn.Linear(784, 10))
    said = r"pass include_frozen=True to batchnorm\.recalibrate once it is trained\.$"
    with pytest.raises(InputError, match=said):
        fit(replace(quick, recalibrate="average", ema_decay=0.0), source=few, model=net)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="recalibrate: expected one of off, average, exact, got 'on'"):
        TrainConfig(recalibrate="on")
