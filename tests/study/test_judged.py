"""Which verdict has a claim, and which reason is told where it has none?"""

import math
from dataclasses import replace

import pytest
from scipy import stats

from batchnorm.records import from_json, to_json
from batchnorm.study import Arm, Search
from batchnorm.study._holm import with_holm
from batchnorm.study._judged import judged
from tests.study.drawn import asked, claim_of, run_of, runs_of

SEEDS = (0, 1, 2)


def only(claim, runs, seeds=SEEDS):
    """The answer to the only comparison of a claim."""
    (one,) = judged(claim, runs, seeds).comparisons
    return one


def test_effects_are_paired_by_seed_in_whatever_order_runs_come() -> None:
    runs = runs_of(a=[3.0, 5.0, 9.0], b=[1.0, 2.0, 5.0])
    one = only(claim_of(asked()), reversed(runs))
    assert one.effects == (2.0, 3.0, 4.0)
    assert (one.effect, one.seeds) == (3.0, 3)


def test_a_ratio_is_the_geometric_mean_of_the_seeds_ratios() -> None:
    one = only(claim_of(asked(margin=1.0, scale="ratio")), runs_of(a=[2.0, 8.0], b=[1.0, 1.0]), (0, 1))
    assert one.effect == pytest.approx(4.0)
    half = 12.706204736 * math.log(2)  # t(0.975, 1) sd / sqrt(2), where sd = (log 8 - log 2) / sqrt(2)
    assert one.interval == pytest.approx((4 * math.exp(-half), 4 * math.exp(half)), rel=1e-8)


def test_a_ratio_too_large_for_a_float_is_told_all_the_same() -> None:
    one = only(claim_of(asked(margin=1.0, scale="ratio")), runs_of(a=[1e300, 1e-300], b=[1.0, 1.0]), (0, 1))
    assert one.verdict == "undecided"
    assert all(map(math.isfinite, one.interval))


def test_an_interaction_takes_the_effect_of_two_other_arms_off() -> None:
    claim = claim_of(asked(minus=("c", "d")), arms="abcd")
    one = only(claim, runs_of(a=[9.0, 8.0], b=[1.0, 2.0], c=[4.0, 5.0], d=[3.0, 1.0]), (0, 1))
    assert one.effects == (8.0 - 1.0, 6.0 - 4.0)


def test_a_number_can_be_expected() -> None:
    one = only(claim_of(asked("equivalent", 0.02, than=1.211)), runs_of(a=[1.21, 1.212, 1.211]))
    assert (one.verdict, one.than, one.unpaired_interval) == ("supported", "1.211", None)


def test_runs_of_a_search_are_not_compared() -> None:
    runs = [*runs_of(a=[3.0, 5.0, 9.0], b=[1.0, 2.0, 5.0]), run_of("a", 0, 99.0, searching=True, key="s")]
    assert only(claim_of(asked()), runs).effects == (2.0, 3.0, 4.0)


MISSING = {
    "crashed": (run_of("b", 2, status="crashed"), "no effect of seed 2: 'b' crashed"),
    "not finite": (run_of("b", 2, math.nan), "no effect of seed 2: 'x' of 'b' is not finite"),
    "not run": (run_of("b", 7, 1.0), "no effect of seed 2: 'b' was not run"),
    "not measured": (
        replace(run_of("b", 2), values={"y": 1.0}),
        "no effect of seed 2: 'x' of 'b' was not measured, only 'y'",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_where_a_seed_has_no_effect_nothing_is_decided_and_the_reason_is_told(case) -> None:
    run, why = MISSING[case]
    one = only(claim_of(asked()), [*runs_of(a=[9.0, 9.1, 9.2], b=[1.0, 1.0]), run])
    assert (one.verdict, one.p, one.problem) == ("undecided", None, why)
    assert one.effects == (8.0, 8.1, None)


def test_an_arm_that_a_small_budget_leaves_out_is_told_as_such() -> None:
    one = only(claim_of(asked()), runs_of(a=[9.0, 9.1, 9.2]))
    assert one.problem == "no effect of any of 3 seeds: 'b' is not run in this budget"


def test_a_ratio_of_what_is_not_positive_is_refused_with_the_number() -> None:
    one = only(claim_of(asked(margin=1.0, scale="ratio")), runs_of(a=[1.0, 1.0, 1.0], b=[1.0, -2.0, 1.0]))
    assert one.problem == "no effect of seed 1: 'x' of 'b' is -2, and a ratio needs numbers above 0"


def test_one_seed_decides_nothing() -> None:
    one = only(claim_of(asked()), runs_of(a=[9.0], b=[1.0]), (0,))
    assert (one.verdict, one.effect, one.interval) == ("undecided", 8.0, None)
    assert "at least two" in one.problem


def never(arm, seed, last):
    return run_of(arm, seed, last, values={"x censored": 1.0})


STEPS = runs_of(a=[100.0, 110.0, 90.0])


def test_fewer_steps_than_one_that_never_arrived_are_fewer() -> None:
    one = only(claim_of(asked("less")), [*STEPS, *(never("b", seed, 400.0) for seed in SEEDS)])
    assert one.verdict == "supported"
    assert one.problem == ("in 3 of 3 seeds the effect is at most what is told, for a value is only a lower bound")


def test_how_many_more_steps_it_takes_is_not_known_of_one_that_never_arrived() -> None:
    one = only(claim_of(asked("not worse", 1000.0)), [*STEPS, *(never("b", seed, 400.0) for seed in SEEDS)])
    assert one.verdict == "undecided"
    assert one.problem.endswith("which cannot decide this")


def test_more_steps_of_one_that_never_arrived_cannot_be_fewer() -> None:
    runs = [*(never("a", seed, 400.0) for seed in SEEDS), *runs_of(b=[100.0, 110.0, 90.0])]
    assert only(claim_of(asked("less")), runs).verdict == "not supported"


def test_two_that_never_arrived_cannot_be_compared() -> None:
    runs = [never(arm, seed, 400.0) for arm in "ab" for seed in SEEDS]
    assert only(claim_of(asked("less")), runs).problem == (
        "no effect of any of 3 seeds: 'x' of both sides is only a lower bound"
    )


@pytest.mark.parametrize(("rule", "a"), [("greater", 2.0), ("less", -2.0), ("equivalent", 2.0), ("not worse", -2.0)])
def test_an_effect_of_just_the_margin_lies_outside_of_the_region(rule, a) -> None:
    assert only(claim_of(asked(rule, margin=2.0)), runs_of(a=[a, a], b=[0.0, 0.0]), (0, 1)).verdict == "not supported"


def test_the_unpaired_interval_is_wider_where_seeds_have_much_in_common() -> None:
    one = only(claim_of(asked()), runs_of(a=[1.0, 11.0, 22.0], b=[0.0, 10.0, 20.0]))
    expected = stats.ttest_ind([1.0, 11.0, 22.0], [0.0, 10.0, 20.0], equal_var=False).confidence_interval(0.95)
    assert one.unpaired_interval == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert one.interval[1] - one.interval[0] < 3 < one.unpaired_interval[1] - one.unpaired_interval[0]


def test_there_is_no_unpaired_interval_where_a_seed_is_missing() -> None:
    assert only(claim_of(asked()), runs_of(a=[1.0, 2.0, 3.0], b=[0.0, 1.0])).unpaired_interval is None


def test_an_effect_without_spread_is_told_to_be_one() -> None:
    one = only(claim_of(asked()), runs_of(a=[2.0, 3.0, 4.0], b=[1.0, 2.0, 3.0]))
    assert one.problem == "the effect is the same in every seed, so that the interval shows no spread"


def test_an_arm_equal_to_the_other_is_equivalent_to_it() -> None:
    one = only(claim_of(asked("equivalent", 1.0)), runs_of(a=[2.0, 3.0, 4.0], b=[2.0, 3.0, 4.0]))
    assert (one.verdict, one.problem) == ("supported", None)


def widest(by_arm):
    return {"width": {"x": max(one["x"] for one in by_arm.values()) - min(one["x"] for one in by_arm.values())}}


def test_a_derived_arm_is_compared_as_any_other() -> None:
    claim = claim_of(asked(arm="width", than=0.0), derive=widest)
    answer = judged(claim, runs_of(a=[1.0, 5.0, 2.0], b=[2.0, 2.0, 5.0]), SEEDS)
    assert answer.comparisons[0].effects == (1.0, 3.0, 3.0)
    assert answer.derived == {"width": {"x": (1.0, 3.0, 3.0)}}


def test_nothing_is_derived_of_a_seed_without_one_of_the_arms() -> None:
    claim = claim_of(asked(arm="width", than=0.0), derive=widest)
    runs = [*runs_of(a=[1.0, 5.0, 2.0], b=[2.0, 2.0]), run_of("b", 2, status="crashed")]
    assert only(claim, runs).problem == "no effect of seed 2: nothing was derived without 'b'"


def test_a_derivation_that_raises_is_told_in_the_answer() -> None:
    claim = claim_of(asked(arm="width", than=0.0), derive=lambda by_arm: {"width": {"x": by_arm["c"]["x"]}})
    answer = judged(claim, runs_of(a=[1.0, 5.0, 2.0], b=[2.0, 2.0, 3.0]), SEEDS)
    assert answer.verdict == "undecided"
    assert answer.notes == ("nothing was derived (KeyError: 'c')",)


@pytest.mark.parametrize("made", [["width"], {"width": {"x": "wide"}}, {"width": 3}])
def test_what_is_no_value_of_an_arm_is_not_derived(made) -> None:
    claim = claim_of(asked(arm="width", than=0.0), derive=lambda by_arm: made)
    answer = judged(claim, runs_of(a=[1.0, 5.0], b=[2.0, 2.0]), (0, 1))
    assert answer.verdict == "undecided"
    assert answer.notes[0].startswith(("nothing was derived (AttributeError", "nothing was derived (TypeError"))


def test_an_arm_that_nobody_makes_is_told_to_be_none() -> None:
    claim = claim_of(asked(arm="widht", than=0.0), derive=widest)
    one = only(claim, runs_of(a=[1.0, 5.0], b=[2.0, 2.0]), (0, 1))
    assert one.problem == "no effect of any of 2 seeds: 'widht' was neither run nor derived"


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_numbers_whose_squares_no_float_holds_have_the_interval_of_others(size) -> None:
    one, plain = (only(claim_of(asked()), runs_of(a=[unit, 2 * unit], b=[0.0, 0.0]), (0, 1)) for unit in (size, 1.0))
    assert one.interval == pytest.approx([size * end for end in plain.interval], rel=1e-9)
    assert one.unpaired_interval == pytest.approx([size * end for end in plain.unpaired_interval], rel=1e-9)


def test_numbers_too_large_to_be_averaged_are_told() -> None:
    one = only(claim_of(asked()), runs_of(a=[1e305, 1.0], b=[0.0, 0.0]), (0, 1))
    assert one.problem == "no effect of seed 0: 'x' of 'a' is 1e+305, which is too large to be averaged"


def test_a_comparison_that_is_not_primary_qualifies_the_verdict() -> None:
    claim = claim_of(asked(), asked("less", id="other", primary=False))
    answer = judged(claim, runs_of(a=[9.0, 9.1, 9.2], b=[1.0, 1.0, 1.1]), SEEDS)
    assert (answer.verdict, answer.qualified) == ("supported", True)


def test_all_primary_comparisons_must_hold() -> None:
    claim = claim_of(asked(), asked(id="more", margin=8.0))
    answer = judged(claim, runs_of(a=[9.0, 9.1, 9.2], b=[1.0, 1.0, 1.1]), SEEDS)
    assert [one.verdict for one in answer.comparisons] == ["supported", "undecided"]
    assert (answer.verdict, answer.qualified) == ("undecided", False)


def test_the_answer_begins_with_the_first_primary_comparison() -> None:
    claim = claim_of(asked("less", id="other", primary=False), asked(margin=1.0))
    answer = judged(claim, runs_of(a=[9.0, 9.1, 9.2], b=[1.0, 1.0, 1.1]), SEEDS)
    assert (answer.headline.id, answer.rule, answer.margin) == ("greater", "greater", 1.0)
    assert answer.effect == pytest.approx(8.0 + 0.2 / 3)


def test_the_answer_shows_the_effect_that_decides_and_not_one_that_was_found() -> None:
    claim = claim_of(asked(), asked("less", id="refuted"), asked("less", id="refuted, too"))
    answer = judged(claim, runs_of(a=[9.0, 9.1, 9.2], b=[1.0, 1.0, 1.1]), SEEDS)
    assert [one.verdict for one in answer.comparisons] == ["supported", "not supported", "not supported"]
    assert (answer.verdict, answer.headline.id, answer.rule) == ("not supported", "refuted", "less")


def test_runs_are_counted_once_where_arms_are_equal() -> None:
    shared = [run_of(arm, seed, 1.0, key=f"same-{seed}") for arm in "ab" for seed in SEEDS]
    answer = judged(claim_of(asked()), [*shared, run_of("a", 3, status="diverged")], SEEDS)
    assert (answer.runs, answer.diverged, answer.seconds) == (4, 1, 4.0)


def test_the_best_rate_at_the_edge_of_the_grid_is_noted() -> None:
    arms = (Arm("a", {"lr": "own"}), Arm("b", {"lr": "own"}))
    claim = replace(claim_of(asked(), search=Search(grid=(0.1, 0.3, 1.0))), arms=arms)
    runs = [run_of(arm, seed, 1.0, options={"lr": lr}) for arm, lr in (("a", 1.0), ("b", 0.3)) for seed in SEEDS]
    answer = judged(claim, runs, SEEDS)
    assert [(one.arm, one.value, one.edge) for one in answer.found] == [("a", 1.0, True), ("b", 0.3, False)]
    assert answer.notes == ("the best lr of 'a', 1, is the last that was tried: a better one may lie beyond",)


def searching(arm, lr, values):
    options = {"lr": lr, "norm": arm}
    return replace(run_of(arm, 1000, searching=True, key=f"{arm}-{lr}", options=options), values=values)


def test_an_arm_whose_search_saw_nothing_to_choose_by_is_not_judged() -> None:
    arms = tuple(Arm(arm, {"lr": "own", "norm": arm}) for arm in "ab")
    claim = replace(claim_of(asked(), search=Search(grid=(0.1, 0.3))), arms=arms)
    runs = [
        run_of(arm, seed, x, options={"lr": 0.1, "norm": arm}) for arm, x in (("a", 5.0), ("b", 1.0)) for seed in (0, 1)
    ]
    tried = [
        searching("a", 0.1, {"accuracy": 90.0}),
        searching("a", 0.3, {}),
        searching("b", 0.1, {claim.search.value: 3.0}),
    ]
    assert only(claim, [*tried, *runs], (0, 1)).problem == (
        "no effect of any of 2 seeds: no run of the search for the lr of 'a' gave 'validation accuracy'"
    )
    assert (
        only(claim, [*tried[1:], searching("a", 0.1, {claim.search.value: 2.0}), *runs], (0, 1)).verdict == "supported"
    )


def test_crashes_are_told_with_their_reason() -> None:
    runs = [*runs_of(a=[1.0, 2.0, 3.0], b=[0.0]), *(run_of("b", seed, status="crashed") for seed in (1, 2))]
    answer = judged(claim_of(asked()), runs, SEEDS)
    assert answer.notes == ("'b' crashed: out of memory (2 runs; `retry` does them again)",)
    assert (answer.runs, answer.crashed) == (6, 2)


def test_holms_verdict_can_be_undecided_where_the_claims_own_is_not() -> None:
    weak = judged(claim_of(asked()), runs_of(a=[1.0, 1.4, 2.2], b=[0.0, 0.0, 0.0]), SEEDS)
    assert 0.025 < weak.headline.p < 0.05
    assert (weak.verdict, weak.holm_verdict) == ("supported", "supported")
    first, second = with_holm([weak, weak])
    assert first.headline.holm_p == pytest.approx(2 * weak.headline.p)
    assert (first.verdict, first.holm_verdict, second.holm_verdict) == ("supported", "undecided", "undecided")


def test_a_question_without_an_answer_counts_in_the_family() -> None:
    claim = claim_of(asked())
    weak = judged(claim, runs_of(a=[1.0, 1.4, 2.2], b=[0.0, 0.0, 0.0]), SEEDS)
    open_one = judged(claim, runs_of(a=[1.0]), SEEDS)
    assert with_holm([weak, open_one])[0].headline.holm_p == pytest.approx(2 * weak.headline.p)


def test_an_answer_is_read_back_equal() -> None:
    claim = claim_of(asked(), arms=("a", "b"), derive=widest)
    answer = judged(replace(claim, arms=(Arm("a", {"sizes": [1, 2]}), Arm("b"))), runs_of(a=[1, 2], b=[0, 3]), (0, 1))
    assert from_json(to_json(answer, lines=True)) == answer
