"""What runs of the claims about penalties and about whose statistics come to, held against what must be."""

from dataclasses import replace

import pytest
from torch import nn

from batchnorm.study import CLAIMS, Claim, Measured, Run, Scope

BY_ID = {claim.id: claim for claim in CLAIMS}
SCOPE = Scope(1, 100, 2, test_images=51)


def measured(claim: Claim, arm: str, scope: Scope, **options: object) -> Measured:
    run = Run(claim.id, arm, {**claim.arm(arm).options, **options}, 0, scope, "fashion-mnist-mini")
    given = claim.measure(run)
    return given if isinstance(given, Measured) else Measured(given)


def test_weights_that_are_stretched_have_the_effective_rate_that_l2_gives_and_another_than_without() -> None:
    claim, scope = BY_ID["l1-l2"], replace(SCOPE, options={"images": 100})
    plain, l2, stretched = (
        measured(claim, f"batch norm{behind}, rate 0.1", scope, strength=0.1).values["effective rate"]
        for behind in ("", ", L2", ", lengths of L2")
    )
    assert stretched == pytest.approx(l2, rel=1e-6)
    assert l2 > 1.02 * plain


def test_ways_to_evaluate_become_arms_and_what_is_missing_does_not() -> None:
    derive = BY_ID["whose-statistics"].derive
    assert derive is not None
    values = {"batch norm, 8": {"test accuracy": 80.0, "by exact": 81.0}, "ghost, 8": {"test accuracy": 79.0}}
    assert derive(values) == {"batch norm, 8, by exact": {"test accuracy": 81.0}}


def test_a_single_image_at_the_end_of_the_test_set_is_no_batch_of_its_own() -> None:
    """51 test images in batches of 2: norms behind linear layers see one value by channel in the last one."""
    claim, scope = BY_ID["whose-statistics"], replace(SCOPE, epochs=1, options={"population": 50, "refresh": 4})
    options = {**claim.arm("batch norm, 2").options, "batch": 2, "lr": 0.01}
    run = Run(claim.id, "batch norm, 2", options, 0, scope, "fashion-mnist-mini", model="MLP")
    assert any(isinstance(module, nn.BatchNorm1d) for module in run.net().modules())
    given = claim.measure(run)
    assert isinstance(given, Measured)
    assert {*given.values} == {"test accuracy", "by average", "by exact", "by batch"}
