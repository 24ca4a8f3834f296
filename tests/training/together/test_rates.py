"""A learning rate that several processes look for together."""

import pytest

from .processes import train
from .test_as_one import ROUNDING, assert_alike, assert_same_training


@pytest.mark.slow
def test_all_processes_take_the_rate_that_one_process_takes(both):
    options = {"epochs": 1, "batch_size": 54, "lr": "auto"}
    told = both({**options, "sync_bn": True}, net="double")
    assert_alike(told)
    assert_same_training(train(options, net="double"), told[0], ROUNDING)
