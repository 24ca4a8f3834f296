"""What is the same however many processes there are."""

import pytest
import torch

from .processes import Told, train

ROUNDING = 1e-12


def assert_alike(told: list[Told]) -> None:
    """All processes came to the very same."""
    for other in told[1:]:
        assert other.error == told[0].error == ""
        assert (other.losses, other.plain, other.accuracies) == (told[0].losses, told[0].plain, told[0].accuracies)
        assert (other.result.test_loss, other.history) == (told[0].result.test_loss, told[0].history)
        for name, value in told[0].state.items():
            assert torch.equal(value, other.state[name]), name


def assert_same_training(one: Told, other: Told, tolerance: float) -> None:
    assert len(one.losses) == len(other.losses) > 0
    assert max(abs(a - b) for a, b in zip(one.losses, other.losses, strict=True)) <= tolerance
    assert one.accuracies == other.accuracies
    for name, value in one.state.items():
        torch.testing.assert_close(other.state[name], value, rtol=0, atol=tolerance)
    assert abs(one.result.test_loss - other.result.test_loss) <= tolerance
    assert [record.val_accuracy for record in one.history] == [record.val_accuracy for record in other.history]


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 16},
        {"batch_size": 7, "accumulate": 3, "clip_norm": 0.5},
        {"batch_size": 16, "ema_decay": 0.9, "optimizer": "adamw", "lr": 0.01},
    ],
    ids=["plain", "accumulated", "averaged"],
)
def test_a_net_without_norms_trains_as_in_one_process(both, options):
    """108 images: the last batch has 12, or 3 of which one process gets two."""
    told = both({"epochs": 2, **options}, net="double_without_norm")
    assert_alike(told)
    assert_same_training(train({"epochs": 2, **options}, net="double_without_norm"), told[0], ROUNDING)
