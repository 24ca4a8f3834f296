import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.data import Augmentation, Batches, Normalization, Share, Split

PLAIN = Normalization((0.0,), (1 / 255,))  # gives the pixel values back, as floats


def numbered(count: int) -> Split:
    """Images whose label and brightest pixel are their own place."""
    images = torch.zeros(count, 1, 4, 4, dtype=torch.uint8)
    images[:, 0, 1, 1] = torch.arange(count, dtype=torch.uint8)
    return Split(images, torch.arange(count))


def order(batches, *args, **kwargs) -> list[int]:
    return [place for _, labels in batches.epoch(*args, **kwargs) for place in labels.tolist()]


def same(one, two) -> bool:
    one, two = list(one), list(two)
    return len(one) == len(two) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, two, strict=True)
    )


def test_evaluation_gives_every_image_once_in_order():
    assert order(Batches(numbered(7), 3, PLAIN)) == list(range(7))


def test_a_loop_over_the_batches_is_one_epoch_again_and_again():
    batches = Batches(numbered(7), 3, PLAIN)
    assert same(batches, batches)


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 2**64), st.integers(0, 1000))
@settings(derandomize=True, deadline=None)
def test_training_gives_every_image_once_but_the_one_left_out(count, batch_size, seed, epoch):
    batches = Batches(numbered(count), batch_size, PLAIN, shuffle=True)
    places = order(batches, seed, epoch)
    assert len(set(places)) == len(places) == count - batches.left_out


@given(st.integers(2, 40), st.integers(1, 12), st.booleans())
@settings(derandomize=True, deadline=None)
def test_len_is_the_number_of_steps(count, batch_size, shuffle):
    batches = Batches(numbered(count), batch_size, PLAIN, shuffle=shuffle)
    assert len(list(batches.epoch())) == len(batches)


def test_images_and_labels_stay_together():
    for images, labels in Batches(numbered(20), 6, PLAIN, shuffle=True).epoch(1, 2):
        torch.testing.assert_close(images[:, 0, 1, 1], labels.float())


def test_a_last_training_batch_of_one_image_is_left_out():
    batches = Batches(numbered(7), 3, PLAIN, shuffle=True)
    assert [len(labels) for _, labels in batches.epoch()] == [3, 3]
    assert (batches.left_out, batches.images_per_epoch) == (1, 6)


def test_the_image_that_is_left_out_changes_with_the_epoch():
    batches = Batches(numbered(7), 3, PLAIN, shuffle=True)
    missing = {(set(range(7)) - set(order(batches, 0, epoch))).pop() for epoch in range(30)}
    assert len(missing) > 1


def test_a_last_evaluation_batch_of_one_image_is_kept():
    batches = Batches(numbered(7), 3, PLAIN)
    assert [len(labels) for _, labels in batches] == [3, 3, 1]
    assert batches.left_out == 0


def test_a_last_training_batch_of_two_images_is_kept():
    assert [len(labels) for _, labels in Batches(numbered(8), 3, PLAIN, shuffle=True).epoch()] == [3, 3, 2]


def test_a_batch_size_of_1_is_taken_at_its_word():
    batches = Batches(numbered(3), 1, PLAIN, shuffle=True)
    assert (len(batches), batches.left_out) == (3, 0)


def test_the_order_depends_on_seed_and_epoch():
    batches = Batches(numbered(30), 8, PLAIN, shuffle=True)
    orders = {tuple(order(batches, seed, epoch)) for seed in (0, 1, 2**32) for epoch in (0, 1, 2)}
    assert len(orders) == 9


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 50), st.data())
@settings(derandomize=True, deadline=None)
def test_an_epoch_goes_on_at_any_step_bit_for_bit(count, batch_size, epoch, data):
    batches = Batches(
        numbered(count),
        batch_size,
        PLAIN,
        augmentation=Augmentation(flip=True, shift=1),
        shuffle=True,
    )
    step = data.draw(st.integers(0, len(batches)))
    whole = list(batches.epoch(5, epoch))
    assert same(batches.epoch(5, epoch, start_step=step), whole[step:])


def test_other_random_numbers_between_two_steps_change_nothing():
    batches = Batches(numbered(12), 4, PLAIN, augmentation=Augmentation(True, 1), shuffle=True)
    undisturbed = list(batches.epoch(0, 0))
    disturbed = []
    for batch in batches.epoch(0, 0):
        disturbed.append(batch)
        torch.rand(3)
    assert same(disturbed, undisturbed)


def test_each_step_and_each_epoch_is_augmented_with_its_own_numbers():
    split = Split(torch.arange(1, 17, dtype=torch.uint8).expand(64, 1, 1, 16), torch.zeros(64).long())
    batches = Batches(split, 16, PLAIN, augmentation=Augmentation(flip=True, shift=0))
    seen = {tuple(images[:, 0, 0, 0].tolist()) for epoch in (0, 1) for images, _ in batches.epoch(0, epoch)}
    assert len(seen) == 8


def test_pixels_are_augmented_before_they_are_normalized():
    split = Split(torch.full((50, 1, 2, 2), 255, dtype=torch.uint8), torch.zeros(50).long())
    normalization = Normalization((0.5,), (0.5,))
    batches = Batches(split, 50, normalization, augmentation=Augmentation(flip=False, shift=1))
    ((images, _),) = batches.epoch()
    assert images.unique().tolist() == [-1.0, 1.0]  # what comes in is black, not the mean grey


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_first_batch_is_that_of_a_loop(channels_last):
    batches = Batches(numbered(7), 3, PLAIN, channels_last=channels_last)
    (images, labels), (first, its_labels) = next(iter(batches)), batches.first()
    assert torch.equal(images, first)
    assert torch.equal(labels, its_labels)
    assert images.stride() == first.stride()


def test_the_first_batch_of_few_images_is_all_of_them():
    assert Batches(numbered(2), 3, PLAIN).first()[1].tolist() == [0, 1]


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_layout_is_the_one_asked_for(channels_last):
    split = Split(torch.zeros(4, 3, 5, 5, dtype=torch.uint8), torch.zeros(4).long())
    batches = Batches(split, 2, Normalization((0.0,) * 3, (1.0,) * 3), channels_last=channels_last)
    for images, _ in batches:
        assert images.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_the_split_stays_as_it_was():
    split = numbered(10)
    before = split.images.clone()
    for images, labels in Batches(split, 10, PLAIN):
        images.zero_()
        labels.zero_()
    assert torch.equal(split.images, before)
    assert torch.equal(split.labels, torch.arange(10))


@pytest.mark.parametrize("batch_size", [0, -3, 2.5, True])
def test_a_batch_size_below_1_is_refused(batch_size):
    with pytest.raises(ValueError, match="batch_size: expected an integer of at least 1, got"):
        Batches(numbered(4), batch_size, PLAIN)


@pytest.mark.parametrize(("count", "shuffle"), [(0, False), (0, True), (1, True)])
def test_a_split_that_gives_no_batch_is_refused(count, shuffle):
    with pytest.raises(
        ValueError, match=f"split: expected at least 2 images for training, or 1 for evaluation, got {count}"
    ):
        Batches(numbered(count), 4, PLAIN, shuffle=shuffle)


@pytest.mark.parametrize(
    "arguments",
    [{"seed": -1}, {"epoch": -1}, {"start_step": -1}, {"start_step": 4}],
    ids=str,
)
def test_a_place_outside_the_run_is_refused_before_the_first_batch(arguments):
    with pytest.raises(ValueError, match="0 <= start_step <= 3, got"):
        Batches(numbered(7), 3, PLAIN).epoch(**arguments)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"augmentation": Augmentation(flip=True, shift=0)}])
def test_a_training_epoch_is_never_given_without_its_number(options):
    with pytest.raises(TypeError, match=r"would give the same every time\. Use epoch\(seed, epoch\)"):
        iter(Batches(numbered(8), 3, PLAIN, **options))
    with pytest.raises(TypeError, match=r"^the first of Batches that are shuffled or augmented would give the same"):
        Batches(numbered(8), 3, PLAIN, **options).first()


@pytest.mark.parametrize(
    ("count", "sizes"), [(12, [6, 6]), (13, [6, 6]), (14, [6, 6, 2]), (15, [6, 6, 3]), (16, [6, 6, 3]), (17, [6, 6, 5])]
)
def test_a_last_piece_of_a_batch_that_would_be_one_image_is_left_out(count: int, sizes: list[int]) -> None:
    """In pieces of 3: 13 and 16 images leave one alone."""
    batches = Batches(numbered(count), 6, PLAIN, shuffle=True, micro_batch=3)
    assert [len(labels) for _, labels in batches.epoch()] == sizes
    assert (batches.images_per_epoch, batches.left_out) == (sum(sizes), count - sum(sizes))


def test_pieces_of_one_image_are_taken_at_their_word() -> None:
    assert Batches(numbered(13), 6, PLAIN, shuffle=True, micro_batch=1).left_out == 0


@pytest.mark.parametrize(("micro_batch", "expected"), [(0, "an integer of at least 1"), (4, "a divisor of batch_size")])
def test_pieces_that_do_not_make_a_batch_are_refused(micro_batch: int, expected: str) -> None:
    with pytest.raises(ValueError, match=f"micro_batch: expected {expected}"):
        Batches(numbered(13), 6, PLAIN, micro_batch=micro_batch)


@given(st.integers(2, 40), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.booleans())
@settings(derandomize=True, deadline=None)
def test_the_parts_of_all_processes_are_the_batches_of_one(count, micro, accumulate, size, channels_last):
    options = {"augmentation": Augmentation(flip=True, shift=1), "shuffle": True, "channels_last": channels_last}
    batches = Batches(numbered(count), micro * accumulate, PLAIN, micro_batch=micro, **options)
    parts = [batches.epoch(3, 1, share=Share(rank, size)) for rank in range(size)]
    for step, (images, labels) in enumerate(batches.epoch(3, 1)):
        mine = [next(part) for part in parts]
        shares = [[Share(rank, size).count(one) for one in batches.sizes(step)] for rank in range(size)]
        pieces = [torch.split(part, share) for (part, _), share in zip(mine, shares, strict=True)]
        names = [torch.split(part, share) for (_, part), share in zip(mine, shares, strict=True)]
        assert sum(batches.sizes(step)) == len(labels)
        assert torch.equal(torch.cat([one for piece in zip(*pieces, strict=True) for one in piece]), images)
        assert torch.equal(torch.cat([one for name in zip(*names, strict=True) for one in name]), labels)


def test_the_parts_of_a_batch_differ_by_one_image_at_most():
    for count in range(20):
        counts = [Share(rank, 6).count(count) for rank in range(6)]
        assert sum(counts) == count
        assert max(counts) - min(counts) <= 1


def test_a_process_that_there_is_not_has_no_part():
    with pytest.raises(ValueError, match="rank: expected an integer from 0 to 1, got 2"):
        Share(2, 2)
