import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.data import Split, split_off_validation


def numbered(labels: list[int]) -> Split:
    """Images whose only pixel is their own place, so that a shuffle shows."""
    places = torch.arange(len(labels), dtype=torch.uint8).reshape(-1, 1, 1, 1)
    return Split(places, torch.tensor(labels, dtype=torch.int64))


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.uint8)],
    ids=["float", "no channel"],
)
def test_images_of_another_dtype_or_rank_are_refused(images):
    with pytest.raises(ValueError, match=r"images: expected torch.uint8 of shape \(N, C, H, W\)"):
        Split(images, torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    "labels",
    [torch.zeros(2, dtype=torch.int32), torch.zeros(2, 1, dtype=torch.int64)],
    ids=["int32", "a column"],
)
def test_labels_of_another_dtype_or_rank_are_refused(labels):
    with pytest.raises(ValueError, match=r"labels: expected torch.int64 of shape \(N,\)"):
        Split(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), labels)


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="3 images and 2 labels"):
        Split(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))


def test_a_negative_label_is_refused():
    with pytest.raises(ValueError, match="labels: expected labels of at least 0, got -1"):
        numbered([0, -1])


def test_a_split_may_be_empty():
    assert len(numbered([])) == 0


def test_a_subset_is_a_copy():
    split = numbered([0, 1])
    split.subset(torch.tensor([0, 1])).images.fill_(99)
    assert split.images.flatten().tolist() == [0, 1]


labels = st.lists(st.integers(0, 4), max_size=60)
fractions = st.floats(0, 0.99)


@given(labels, fractions, st.integers(0, 2**63))
@settings(derandomize=True, deadline=None)
def test_the_two_parts_together_are_the_split(labels, fraction, seed):
    training, validation = split_off_validation(numbered(labels), fraction, seed)
    places = torch.cat([training.images, validation.images]).flatten()
    assert sorted(places.tolist()) == list(range(len(labels)))


@given(labels, fractions, st.integers(0, 2**63))
@settings(derandomize=True, deadline=None)
def test_both_parts_keep_their_labels_and_the_file_order(labels, fraction, seed):
    for part in split_off_validation(numbered(labels), fraction, seed):
        places = part.images.flatten().tolist()
        assert places == sorted(places)
        assert part.labels.tolist() == [labels[place] for place in places]


@given(labels, fractions, st.integers(0, 2**63))
@settings(derandomize=True, deadline=None)
def test_every_class_gives_its_rounded_share_but_never_its_last_image(labels, fraction, seed):
    _, validation = split_off_validation(numbered(labels), fraction, seed)
    for label in set(labels):
        count = labels.count(label)
        expected = min(round(fraction * count), count - 1)
        assert validation.labels.tolist().count(label) == expected


def test_fraction_0_gives_an_empty_validation_part_and_the_whole_split():
    split = numbered([0, 1, 0, 1])
    training, validation = split_off_validation(split, 0, seed=3)
    assert torch.equal(training.images, split.images)
    assert len(validation) == 0


def test_the_same_seed_draws_the_same_images():
    split = numbered([0] * 50)
    (_, one), (_, two) = (split_off_validation(split, 0.5, seed=7) for _ in range(2))
    assert torch.equal(one.images, two.images)


def test_another_seed_draws_other_images():
    split = numbered([0] * 50)
    (_, one), (_, two) = (split_off_validation(split, 0.5, seed=seed) for seed in (7, 8))
    assert not torch.equal(one.images, two.images)


def test_each_image_of_a_class_is_drawn_equally_often():
    split, draws = numbered([0, 1] * 10), 2000
    counts = torch.zeros(20)
    for seed in range(draws):
        _, validation = split_off_validation(split, 0.5, seed)
        counts[validation.images.flatten().long()] += 1
    # Binomial: 4.5 standard deviations are exceeded by one of 20 counts once in 7,000 such tests.
    assert ((counts - draws / 2).abs() < 4.5 * (draws / 4) ** 0.5).all()


def test_the_global_random_state_does_not_move():
    before = torch.random.get_rng_state()
    split_off_validation(numbered([0, 1, 0, 1]), 0.5, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_fraction_outside_the_half_open_interval_is_refused(fraction):
    with pytest.raises(ValueError, match="expected 0 <= fraction < 1, got"):
        split_off_validation(numbered([0, 1]), fraction, seed=0)
