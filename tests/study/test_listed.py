"""Is all that is fixed of a claim told before it is run?"""

import json

import pytest

from batchnorm.errors import InputError
from batchnorm.study import Scope, Search
from batchnorm.study._listed import claim_data, claim_table, claims_table, rule_text
from tests.study.drawn import asked, claim_of

CLAIM = claim_of(
    asked(margin=1.0),
    asked("less", 2.0, id="ratio", scale="ratio", unit="times", minus=("b", "a"), primary=False),
    sources=("one", "another"),
    arms=("a", "b"),
    scopes={"quick": Scope(seeds=3, train_images=2000, epochs=1, arms=("a",))},
)


def lines():
    return [tuple(cell.text for cell in row) for row in claim_table(CLAIM).cells]


@pytest.mark.parametrize(
    "line",
    [
        ("claimed", "One is larger than the other."),
        ("source", "another"),
        ("protocol", "Numbers are drawn."),
        ("asked", "Is it?"),
        ("", "supported where x, 'a' minus 'b', lies above 1 point"),
        ("", "supported where x, ('a' divided by 'b') divided by ('b' divided by 'a'), lies below 0.5 times"),
        ("if supported", "Take it."),
        ("if not", "Leave it."),
        ("if undecided", "Draw more."),
        ("quick", "1 arm, 3 seeds, 2,000 training images, 1 epoch"),
    ],
)
def test_a_claim_in_full_tells(line) -> None:
    assert line in lines()


def test_a_question_that_is_not_primary_is_asked_beside() -> None:
    assert [name for name, _ in lines() if name.startswith("asked")] == ["asked", "asked beside"]


def test_a_number_that_is_expected_is_told_as_one() -> None:
    expected = asked("equivalent", 0.02, than=1.211, unit="")
    assert rule_text(expected) == "supported where x, 'a' minus 1.211, lies within ±0.02"


def test_the_list_has_a_line_for_each_claim_with_its_main_question_only() -> None:
    assert claims_table([CLAIM]).rows == (("drawn", "One is larger than the other.", "Is it?", "0"),)


def test_sources_that_are_one_text_are_refused() -> None:
    with pytest.raises(InputError, match=r"sources: claim 'drawn'; expected a tuple of texts, got a text"):
        claim_of(asked(), sources=("Wu and He"))


def test_two_questions_of_the_same_id_are_refused() -> None:
    with pytest.raises(InputError, match=r"comparisons: claim 'drawn'; expected different ids, got greater, greater"):
        claim_of(asked(), asked(margin=1.0))


def test_the_data_of_a_claim_are_json() -> None:
    claim = claim_of(asked(than=1.211), search=Search(grid=(0.1, 0.3)))
    data = json.loads(json.dumps(claim_data(claim)))
    assert data["comparisons"][0]["than"] == 1.211
    assert (data["search"]["grid"], data["scopes"]["quick"]["seeds"]) == ([0.1, 0.3], 3)
    assert data["arms"] == [{"name": "a", "options": {"number": 0}}, {"name": "b", "options": {"number": 1}}]
