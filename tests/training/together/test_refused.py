"""What several processes cannot train together, and in which words they say so: each of them in the same ones."""

import pytest


def assert_refused(told, text):
    assert [one.error for one in told] == [told[0].error] * len(told)
    assert text in told[0].error


def test_a_loss_that_is_infinite_in_one_process_ends_all_with_one_message(both):
    told = both({"epochs": 2, "batch_size": 16}, net="spoilt_in_one")
    assert_refused(told, "DivergenceError: epoch 1, step 4 of 7: the loss became nan; first not finite: ")
    assert "output of the net (Spoilt) (in process 1)" in told[0].error
    assert len(told[0].losses) == len(told[1].losses) == 3


def test_other_weights_are_refused_before_the_first_step(both):
    told = both({"epochs": 1, "batch_size": 16}, net="other_weights")
    assert_refused(told, "expected the same weights in all, got different ones. Build the model from the same seed")
    assert told[0].losses == []


def test_other_options_are_refused(both):
    told = both([{"epochs": 1, "lr": 0.1}, {"epochs": 1, "lr": 0.2}], net="small")
    assert_refused(told, "config: expected the same options in every process, got others of lr. Start all processes")


def test_fewer_images_than_processes_in_a_batch_are_refused(both):
    told = both({"epochs": 1, "batch_size": 1}, net="small")
    assert_refused(told, "batch_size: expected an image for each of 2 processes, got 1 for all together")


@pytest.mark.parametrize(
    ("batch_size", "whose"), [(2, "a batch has 2 images"), (106, "the last batch of an epoch has 2 images")]
)
def test_a_norm_that_would_see_one_value_in_a_process_is_refused(both, batch_size, whose):
    told = both({"epochs": 1, "batch_size": batch_size}, net="flat")
    assert_refused(told, f"batch_size: {whose} for 2 processes, so that one of them gets a single image, and this net")
    assert "or use sync_bn=True" in told[0].error


@pytest.mark.slow
def test_a_net_that_cannot_compute_an_empty_batch_is_refused_where_a_process_would_get_one(teams):
    """108 images in batches of 7 leave a last one of 3."""
    told = teams(4)({"epochs": 1, "batch_size": 7}, net="not_of_nothing")
    text = "batch_size: the last batch of an epoch has 3 images for 4 processes, so that one of them gets no image"
    assert_refused(told, text)
