"""A run's result and its model agree after a recalibration; what would make them disagree needs a file of its own."""

from dataclasses import replace
from pathlib import Path

import pytest

import batchnorm
from batchnorm.errors import InputError
from batchnorm.runs import RunFolder, TrainConfig, recalibrate_run
from batchnorm.statistics import RecalibrationOptions
from batchnorm.training import resume

from .runs import assert_same_bits, weights

CONFIG = TrainConfig(model_args={"width": 4}, epochs=1, threads=1, val_fraction=0.1)


def files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir()}


@pytest.mark.parametrize("times", [1, 2])
def test_the_result_is_that_of_the_model_and_keeps_what_the_training_reached(run, few, times: int) -> None:
    trained = RunFolder.open(run).read_result()
    for method in ("average", "exact")[:times]:
        record = recalibrate_run(run, source=few, options=RecalibrationOptions(method=method), threads=1)
    result = RunFolder.open(run).read_result()
    assert result == replace(
        trained,
        test_accuracy=record.after.accuracy,
        test_loss=record.after.loss,
        recalibrated_since=method,
        trained_accuracy=trained.test_accuracy,
        trained_loss=trained.test_loss,
    )
    assert batchnorm.evaluate(run, source=few).running.loss == pytest.approx(result.test_loss, rel=1e-5)


def test_a_run_that_was_recalibrated_since_resumes_to_the_model_of_its_result(run, few) -> None:
    recalibrate_run(run, source=few, options=RecalibrationOptions(method="exact"), threads=1)
    done = resume(run, source=few)
    assert_same_bits(done.model.state_dict(), weights(run))
    assert done.result == RunFolder.open(run).read_result()


def test_a_file_elsewhere_leaves_the_result_alone(run, few, tmp_path) -> None:
    before = files(run)
    recalibrate_run(run, source=few, out=tmp_path / "a", threads=1)
    assert files(run) == before


def test_test_images_in_the_runs_own_model_are_refused(run, few) -> None:
    before = files(run)
    with pytest.raises(InputError, match=r"^out: statistics of the test images .* are a leak: .*: out='FILE'\.$"):
        recalibrate_run(run, source=few, split="test")
    assert files(run) == before


def test_other_data_in_the_runs_own_model_are_refused(run, tmp_path) -> None:
    before = files(run)
    with pytest.raises(InputError, match=r"^out: the run's result is of few, and not of a model with statistics"):
        recalibrate_run(run, dataset="fashion-mnist-mini", threads=1)
    assert files(run) == before
