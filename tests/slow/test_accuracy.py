"""The accuracies that the README states, trained anew: minutes, so behind the marker `slow`."""

from dataclasses import replace
from statistics import mean
from typing import Any

import pytest

from batchnorm.runs import TrainConfig
from batchnorm.training import fit

pytestmark = pytest.mark.slow


def mean_accuracy(config: TrainConfig, seeds: int) -> float:
    return mean(fit(replace(config, seed=seed)).result.test_accuracy for seed in range(seeds))


def test_the_demo_reaches_88_5_percent_on_the_bundled_images() -> None:
    assert mean_accuracy(TrainConfig(), seeds=5) >= 0.885


def test_three_epochs_reach_91_percent_on_fashion_mnist() -> None:
    """Needs the whole data set: `batchnorm data fetch fashion-mnist`, or Debian's dataset-fashion-mnist."""
    assert mean_accuracy(TrainConfig(data="fashion-mnist", epochs=3), seeds=3) >= 0.910


@pytest.mark.parametrize(
    "options",
    [{"moments": "ghost:32"}, {"moments": "renorm:3,5,200"}, {"moments": "population", "clip_norm": 1.0}],
    ids=lambda options: options["moments"],
)
def test_trainings_by_other_moments_learn(options: dict[str, Any]) -> None:
    """Far above chance, which is a tenth, after two epochs of the bundled images."""
    config = TrainConfig(epochs=2, model_args={"width": 8}, **options)
    assert fit(config).result.test_accuracy >= 0.75
