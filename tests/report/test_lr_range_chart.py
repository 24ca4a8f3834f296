"""The picture of a learning-rate range test."""

import pytest
from PIL import Image

from batchnorm.errors import InputError
from batchnorm.records import LRRangeTest, RangeTestStep
from batchnorm.report import lr_range_chart

STEPS = tuple(
    RangeTestStep(10.0 ** (-6 + number / 10), 2.3 - 0.02 * number, 2.4 - 0.02 * number) for number in range(60)
)


def record(steps: tuple[RangeTestStep, ...] = STEPS, suggestion: float | None = 0.0123) -> LRRangeTest:
    circles = (None, None) if suggestion is None else (steps[-1].lr, steps[-4].lr)
    problem = "it scattered" if suggestion is None else None
    return LRRangeTest("My$Net", "mine", "SGD", 64, 0.95, steps, "risen", suggestion, *circles, problem)


def test_the_picture_names_the_suggestion_and_what_was_trained(tmp_path) -> None:
    lr_range_chart(record(), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in (
        "Suggested learning rate: 0.0123",
        "My$Net on mine, SGD, batches of 64",
        "95 % of its fall",
        "lowest",
    ):
        assert words in text


def test_without_a_suggestion_the_picture_says_so(tmp_path) -> None:
    lr_range_chart(record(suggestion=None), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert "No learning rate is suggested" in text
    assert "lowest" not in text


def test_a_png_can_be_read(tmp_path) -> None:
    record().plot(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width > image.height > 300


def test_the_same_record_gives_the_same_bytes(tmp_path) -> None:
    for name in ("a.svg", "b.svg"):
        lr_range_chart(record(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_losses_that_are_not_finite_are_left_out(tmp_path) -> None:
    lr_range_chart(record((*STEPS, RangeTestStep(2.0, None, None))), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").exists()


@pytest.mark.parametrize("steps", [(), (RangeTestStep(0.1, None, None),)], ids=["none", "not finite"])
def test_where_there_is_nothing_to_draw_it_is_refused(tmp_path, steps) -> None:
    empty = LRRangeTest("Net", None, "SGD", 64, 0.95, steps, "not finite", None)
    with pytest.raises(InputError, match="record: expected at least one step with a finite loss, got none"):
        lr_range_chart(empty, tmp_path / "a.svg")
    assert not [*tmp_path.iterdir()]


def test_another_suffix_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"path: expected a name ending in \.svg or \.png"):
        lr_range_chart(record(), tmp_path / "a.pdf")
