"""What a study comes to, in cells and words."""

from dataclasses import replace

import pytest

from batchnorm.records import Study, StudyRuns, advice_text, answer_text, effect_text, power_text, region_text
from batchnorm.study._judged import judged
from tests.study.drawn import asked, claim_of, run_of, runs_of

A, B = [9.0, 9.5, 8.5], [1.0, 1.5, 0.0]
CLAIM = judged(
    claim_of(asked(margin=2.0), asked("less", id="other", primary=False), title="Larger"),
    runs_of(a=A, b=B),
    (0, 1, 2),
    command="batchnorm study run drawn",
)
STUDY = Study((CLAIM,), "quick", "mine", None, None, {"torch": "2"}, "a machine", 1, 2, 3.0)


def cells(table):
    return [[cell.text for cell in row] for row in table.cells]


def test_a_row_of_a_study_has_verdict_effect_and_what_was_asked() -> None:
    effect = "8.2 [7.4, 8.9] points"  # 8, 8, 8.5: 4.303 * 0.2887 / sqrt(3) = 0.717 on either side
    row = ["drawn", "supported, qualified", effect, "above 2 points", "3", "supported", "Larger"]
    assert cells(STUDY.table()) == [row]


def test_the_title_of_a_study_counts_its_verdicts() -> None:
    assert STUDY.table().title == STUDY.summary() == "1 claim: 1 supported"
    assert replace(STUDY, claims=()).summary() == "no claims"


def test_each_claim_of_a_study_has_a_table_by_its_id() -> None:
    assert [*STUDY.tables()] == ["claims", "drawn"]


def test_a_comparison_that_is_not_primary_is_told_as_such_and_has_no_holm() -> None:
    assert [row[0] for row in cells(CLAIM.table())] == ["Is it?", "Is it? (beside)"]
    assert [row[-1] for row in cells(CLAIM.table())] == ["supported", "–"]  # noqa: RUF001 - a dash


def test_below_the_comparisons_stand_power_advice_and_what_repeats_it() -> None:
    power, *rest = CLAIM.table().notes
    assert power == power_text(CLAIM.headline)
    assert rest == ["Take it.", "again: batchnorm study run drawn"]


def test_a_problem_is_a_note_with_the_name_of_its_comparison() -> None:
    crashed = judged(claim_of(asked()), [*runs_of(a=A, b=B[:2]), run_of("b", 2, status="crashed")], (0, 1, 2))
    assert "note: greater: no effect of seed 2: 'b' crashed" in crashed.table().notes
    assert answer_text(crashed.headline).endswith("Note: no effect of seed 2: 'b' crashed.")


@pytest.mark.parametrize(
    ("b", "start"),
    [
        (B, "Supported: 8.2 [7.4, 8.9] points lies above 2 points (3 seeds)."),
        ([9.0, 9.5, 8.5], "Not supported: 0 [0, 0] points does not lie above 2 points (3 seeds)."),
        ([9.0, 1.0, 9.0], "Undecided: 3 [-10, 15] points may or may not lie above 2 points (3 seeds)."),
    ],
)
def test_an_answer_is_a_sentence(b, start) -> None:
    assert answer_text(judged(claim_of(asked(margin=2.0)), runs_of(a=A, b=b), (0, 1, 2)).headline) == start


def test_an_answer_without_an_effect_says_why() -> None:
    none = judged(claim_of(asked()), runs_of(a=A), (0, 1, 2))
    assert answer_text(none.headline) == "Undecided: no effect of any of 3 seeds: 'b' is not run in this budget."
    assert power_text(none.headline) == ""


def test_advice_goes_by_the_verdict() -> None:
    told = [advice_text(replace(CLAIM, verdict=one)) for one in ("supported", "not supported", "undecided")]
    assert told == ["Take it.", "Leave it.", "Draw more."]


@pytest.mark.parametrize(
    ("rule", "difference", "ratio"),
    [
        ("greater", "above 2 times", "above 2 times"),
        ("less", "below -2 times", "below 0.5 times"),
        ("equivalent", "within ±2 times", "from 0.5 to 2 times"),
        ("not worse", "above -2 times", "above 0.5 times"),
    ],
)
def test_a_rule_is_told_as_the_region_where_the_effect_has_to_lie(rule, difference, ratio) -> None:
    assert (region_text(rule, 2.0, "times"), region_text(rule, 2.0, "times", "ratio")) == (difference, ratio)


def test_the_power_of_a_ratio_is_a_factor() -> None:
    ratio = judged(claim_of(asked(margin=1.0, scale="ratio", unit="times")), runs_of(a=A, b=[1.0, 2.0, 1.0]), (0, 1, 2))
    assert power_text(ratio.headline).startswith("With 3 seeds and this spread, 80 % of studies find an effect")
    assert power_text(ratio.headline).endswith(f"beyond the margin by a factor of {ratio.headline.detectable:.2f}.")


def test_a_number_is_told_to_two_figures_of_its_interval() -> None:
    assert effect_text(-0.04, (-0.3, 0.22), "points") == "-0.04 [-0.30, 0.22] points"
    assert effect_text(1e9, (1e3, 1e15), "") == "1.0e+09 [1000, 1.0e+15]"
    assert effect_text(-0.0004, (-0.9, 0.9), "") == "0.0 [-0.9, 0.9]"


RUNS = StudyRuns(
    "drawn",
    (
        *runs_of(a=A),
        run_of("b", 0, 1.0, status="diverged"),
        run_of("b", 1, status="crashed"),
        run_of("a", 9, 5.0, searching=True, key="s"),
    ),
)


def test_values_are_means_over_seeds_with_the_standard_deviation_of_a_run() -> None:
    assert cells(RUNS.table()) == [["a", "9.00 ± 0.50", "3", "0", "0"], ["b", "1.000", "2", "1", "1"]]


def test_runs_are_told_one_by_one_with_how_they_ended() -> None:
    rows = cells(RUNS.table("runs"))
    assert [row[-2:] for row in rows[3:]] == [
        ["diverged", "out of memory"],
        ["crashed", "out of memory"],
        ["searching", ""],
    ]
