"""How far are trainings of 2 and 4 processes with synchronized norms from that of one? By rounding."""

import pytest
import torch

from .processes import Told, train
from .test_as_one import assert_alike

pytestmark = pytest.mark.slow

OPTIONS = {"epochs": 1, "batch_size": 14, "sync_bn": True, "val_fraction": 0.0}
TWENTY, ONE = {"images": (280, 60)}, {"images": (14, 60)}
"""Four processes have 4, 4, 3 and 3 of 14 images."""


def distance(one: Told, other: Told) -> float:
    """Of the losses of all steps, from their means up to each."""
    means = [torch.tensor(told.losses, dtype=torch.float64) for told in (one, other)]
    count = torch.arange(1, len(one.losses) + 1)
    first, second = (torch.diff(mean * count, prepend=torch.zeros(1)) for mean in means)
    return float((first - second).abs().max())


@pytest.fixture(scope="module", params=[2, 4])
def team(request, teams):
    return teams(request.param)


def test_in_float64_the_losses_are_the_same_to_nine_digits(team):
    told = team(OPTIONS, net="double_conv", **TWENTY)
    assert_alike(told)
    assert len(told[0].losses) == 20
    assert distance(train(OPTIONS, net="double_conv", **TWENTY), told[0]) <= 1e-9


def test_in_float32_loss_and_gradients_of_a_step_are_the_same_to_five_digits(team):
    told, one = team(OPTIONS, net="conv", **ONE)[0], train(OPTIONS, net="conv", **ONE)
    assert len(told.losses) == 1
    assert abs(told.losses[0] - one.losses[0]) <= 1e-5
    for name, gradient in one.gradients.items():
        torch.testing.assert_close(told.gradients[name], gradient, rtol=0, atol=1e-5)


def test_in_float32_the_losses_are_no_further_than_rounding_brings_one_process(team):
    """A net with a max pool takes sides where rounding makes a difference: in some trainings early, in others never."""
    one = train(OPTIONS, net="conv", **TWENTY)
    told = team(OPTIONS, net="conv", **TWENTY)
    assert_alike(told)
    nearly = [distance(one, train(OPTIONS, net=f"nearly_conv_{seed}", **TWENTY)) for seed in range(3)]
    assert 0 < distance(one, told[0]) <= 3 * max(nearly)
