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
        {"batch_size": 16, "crop": 0.4, "jitter": 0.3},
    ],
    ids=["plain", "accumulated", "averaged", "varied"],
)
def test_a_net_without_norms_trains_as_in_one_process(both, options):
    """108 images: the last batch has 12, or 3 of which one process gets two."""
    told = both({"epochs": 2, **options}, net="double_without_norm")
    assert_alike(told)
    assert_same_training(train({"epochs": 2, **options}, net="double_without_norm"), told[0], ROUNDING)


@pytest.mark.parametrize("net", ["double", "double_torchs"])
@pytest.mark.parametrize(
    "options", [{"batch_size": 16}, {"batch_size": 7, "accumulate": 3}], ids=["plain", "accumulated"]
)
def test_a_net_with_synchronized_norms_trains_as_in_one_process(both, net, options):
    options = {"epochs": 2, "sync_bn": True, **options}
    told = both(options, net=net)
    assert_alike(told)
    assert_same_training(train({**options, "sync_bn": False}, net=net), told[0], ROUNDING)


def test_synchronized_norms_take_one_image_of_a_process(both):
    """108 images in batches of 53 leave a last one of 2."""
    options = {"epochs": 2, "batch_size": 53, "sync_bn": True}
    told = both(options, net="double_flat")
    assert_alike(told)
    assert_same_training(train(options, net="double_flat"), told[0], ROUNDING)


def test_one_process_has_the_same_bits_with_synchronized_norms_as_without():
    options = {"epochs": 1, "batch_size": 16}
    one, other = (train({**options, "sync_bn": wanted}, net="small") for wanted in (True, False))
    assert one.losses == other.losses
    assert all(torch.equal(value, other.state[name]) for name, value in one.state.items())


@pytest.mark.slow
def test_a_layer_that_some_leave_out_does_not_come_between_synchronized_norms(both):
    """Its gradients are ready at once in one process, and in the other behind a norm."""
    told = both({"epochs": 1, "batch_size": 54, "sync_bn": True, "lr": 1e-4}, net="used_by_one")
    assert_alike(told)
    assert len(told[0].losses) == 2
