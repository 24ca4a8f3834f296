"""Parts that are not trained, and weights of a file, are those of one process however many there are."""

import pytest
import torch

from . import nets
from .processes import train
from .test_as_one import ROUNDING, assert_alike, assert_same_training

OPTIONS = {"epochs": 1, "batch_size": 16, "freeze": "*,!net.8"}


@pytest.fixture
def init(tmp_path) -> str:
    """Weights for the net, of which a tenth is another."""
    torch.manual_seed(9)
    state = nets.double(0).state_dict()
    torch.save(
        {name: one * 1.1 if one.is_floating_point() else one + 50 for name, one in state.items()}, tmp_path / "a"
    )
    return str(tmp_path / "a")


@pytest.mark.parametrize("mode", ["train", "frozen", "affine-only", "recalibrate"])
def test_they_train_as_in_one_process(both, init, mode: str) -> None:
    options = {**OPTIONS, "init": init, "norm_mode": mode}
    told = both({**options, "sync_bn": mode == "train"}, net="double")
    assert_alike(told)
    assert_same_training(train(options, net="double"), told[0], ROUNDING)
