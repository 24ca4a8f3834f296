"""What a range test comes to, in cells and words."""

from batchnorm.records import LRRangeTest, RangeTestStep

STEPS = (RangeTestStep(1e-3, 2.0, 2.0), RangeTestStep(1e-2, 1.0, 1.95), RangeTestStep(1e-1, None, None))
FOUND = LRRangeTest("Net", "mine", "SGD", 64, 0.95, STEPS, "not finite", 5e-3, 1e-2, 1e-2)


def test_the_table_has_the_suggestion_and_what_it_follows_from() -> None:
    rows = [[getattr(cell, "text", cell) for cell in row] for row in FOUND.table().rows]
    assert rows == [
        ["suggestion", "0.005", "1.9500"],
        ["95 % of the fall", "0.01", "1.9500"],
        ["lowest loss", "0.01", "1.9500"],
    ]


def test_the_title_says_what_was_trained() -> None:
    assert FOUND.table().title == "Net on mine, SGD, batches of 64"


def test_a_note_says_which_rates_were_tried_and_why_no_more() -> None:
    assert FOUND.table().notes == ("3 steps, from 0.001 up to 0.1: the loss was not finite any more",)


def test_the_summary_is_the_suggestion() -> None:
    assert FOUND.summary() == "learning rate 0.005, by a range test of 3 steps"


def test_without_a_suggestion_summary_and_table_say_why() -> None:
    none = LRRangeTest("Net", None, "SGD", 64, 0.95, STEPS[:1], "last rate", None, problem="it scattered")
    assert none.table().rows == ()
    assert none.table().notes[-1] == none.summary() == "no learning rate can be suggested: it scattered"
