"""The accuracies that the README states, trained anew: minutes, so behind the marker `slow`."""

from dataclasses import replace
from statistics import mean

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
