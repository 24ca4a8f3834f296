"""Does the benchmark count only runs of the config that it was asked for?"""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from batchnorm.records import TrainResult
from batchnorm.runs import RunFolder, TrainConfig

RESULT = TrainResult(
    test_accuracy=0.9,
    test_loss=0.3,
    seconds=1.0,
    run=None,
    model="ConvBNNet",
    data="fashion-mnist",
    epochs=3,
    steps=10,
    seed=0,
    parameters=5,
    val_accuracy=None,
    val_loss=None,
)


@pytest.fixture
def accuracy() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "accuracy.py"
    spec = importlib.util.spec_from_file_location("accuracy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def finished(path: Path, config: TrainConfig) -> RunFolder:
    """Make the folder of a run that was trained with `config`."""
    run = RunFolder(path)
    with run.created(config):
        run.write_result(RESULT)
    return run


def test_a_finished_run_of_the_same_config_is_not_trained_again(accuracy, tmp_path) -> None:
    run = finished(tmp_path / "seed-0", TrainConfig(epochs=3))
    assert accuracy.train(TrainConfig(epochs=3), run.path) == replace(RESULT, run=str(run.path))


def test_a_run_of_another_config_is_refused(accuracy, tmp_path) -> None:
    run = finished(tmp_path / "seed-0", TrainConfig(epochs=3, lr=0.01))
    with pytest.raises(SystemExit, match=r"seed-0: expected a run of this config, but it differs in epochs, lr"):
        accuracy.train(TrainConfig(epochs=4, lr=0.02), run.path)
