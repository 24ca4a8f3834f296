"""Every claim of the library, as data and as what runs."""

import math
from dataclasses import replace

import pytest

from batchnorm.study import CLAIMS, Arm, Claim, Measured, Run, Scope

IDS = [claim.id for claim in CLAIMS]
TINY: dict[str, dict[str, object]] = {
    "convergence": {"checked every": 2, "checked images": 50},
    "cost": {"rounds": 1},
    "learning-rate": {"halvings": 1, "epochs of a try": 1},
    "transfer": {"target images": 30, "target epochs": 1},
    "regularization": {"levels": [100.0], "points": 2},
}
"""By claim: numbers of its own that make a run as short as can be."""


def tiny(claim: Claim) -> Scope:
    quick = claim.scopes["quick"]
    options = {**quick.options, **TINY.get(claim.id, {})}
    return replace(quick, seeds=1, train_images=100, test_images=100, epochs=1, options=options)


def measured(claim: Claim, arm: Arm, *, searching: bool = False) -> Measured:
    options = dict(arm.options)
    if claim.search is not None and options.get(claim.search.option) == "own":
        options[claim.search.option] = claim.search.grid[len(claim.search.grid) // 2]
    run = Run(claim.id, arm.name, options, 0, tiny(claim), "fashion-mnist-mini", searching=searching)
    given = claim.measure(run)
    return given if isinstance(given, Measured) else Measured(given)


@pytest.mark.parametrize("claim", CLAIMS, ids=IDS)
def test_a_claim_says_in_words_what_is_claimed_by_whom_and_what_to_do(claim: Claim) -> None:
    for words in (claim.statement, claim.protocol, *claim.sources, *vars(claim.advice).values()):
        assert words == words.strip()
        assert words.endswith((".", ")"))
    assert claim.sources
    assert claim.hours > 0


@pytest.mark.parametrize("claim", CLAIMS, ids=IDS)
def test_a_claim_has_all_three_budgets_of_which_the_standard_one_has_six_seeds(claim: Claim) -> None:
    assert {*claim.scopes} == {"quick", "standard", "thorough"}
    assert claim.scopes["standard"].seeds >= 6
    assert claim.scopes["standard"].test_images is None
    assert claim.scopes["thorough"].seeds > claim.scopes["standard"].seeds


@pytest.mark.parametrize("claim", CLAIMS, ids=IDS)
def test_arms_that_a_budget_names_are_there(claim: Claim) -> None:
    for scope in claim.scopes.values():
        for name in scope.arms or ():
            claim.arm(name)


@pytest.mark.parametrize("claim", CLAIMS, ids=IDS)
def test_the_first_arm_gives_finite_numbers(claim: Claim) -> None:
    given = measured(claim, claim.arms[0])
    assert given.values
    assert all(isinstance(value, float | int) and math.isfinite(value) for value in given.values.values())


@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS, ids=IDS)
def test_every_arm_gives_what_comparisons_and_figures_name(claim: Claim) -> None:
    by_arm = {arm.name: measured(claim, arm) for arm in claim.arms}
    values = {name: given.values for name, given in by_arm.items()}
    values |= claim.derive(values) if claim.derive is not None else {}
    for comparison in claim.comparisons:
        for name in comparison.needs():
            assert comparison.value in values[name], (comparison.id, name)
    for figure in (claim.figure, *claim.figures):
        for name in figure.arms or [arm.name for arm in claim.arms]:
            series = figure.kind in ("curves", "layers", "ridges")
            has = by_arm[name].series if series and name in by_arm else values[name]
            assert figure.value in has or figure.arms is None, (figure, name)
        for option in (figure.x, figure.y, figure.group):
            if figure.kind in ("axis", "heatmap") and option is not None:
                assert any(option in arm.options for arm in claim.arms), (figure, option)


@pytest.mark.slow
@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.search is not None], ids=lambda claim: claim.id)
def test_a_search_is_judged_on_validation_images_alone(claim: Claim) -> None:
    """`Run.split` refuses test images there, so that it is enough to measure."""
    assert claim.search is not None
    own = next(arm for arm in claim.arms if arm.options.get(claim.search.option) == "own")
    assert claim.search.value in measured(claim, own, searching=True).values
