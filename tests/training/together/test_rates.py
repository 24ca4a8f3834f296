"""A learning rate that several processes look for together."""

import pytest

from .processes import train
from .test_as_one import assert_alike, assert_same_training


@pytest.mark.slow
def test_all_processes_take_the_rate_that_one_process_takes(both):
    options = {"epochs": 1, "batch_size": 16, "lr": "auto"}
    told = both(options, net="double_without_norm")
    assert_alike(told)
    assert_same_training(train(options, net="double_without_norm"), told[0], 1e-9)
