"""What a conversion comes to, in cells and words, and what every report answers."""

import pytest

from batchnorm.errors import InputError
from batchnorm.records import ConvertedNorm, ConvertProof, ConvertReport, Freezing, NormFreezing

OURS, TORCHS = "batchnorm.nn.BatchNorm2d", "torch.nn.BatchNorm2d"
NORMS = (
    ConvertedNorm("bn1", TORCHS, OURS, "converted"),
    ConvertedNorm("bn2", "nets.Scaled", "nets.Scaled", "left", "Scaled has a forward of its own"),
    ConvertedNorm("bn3", OURS, OURS, "already"),
    ConvertedNorm("bn4", TORCHS, "torch.nn.GroupNorm", "converted", detail="2 groups of 4 channels"),
)
PROOF = ConvertProof(2, ("evaluation", "training"), 3e-7, 2e-15, "float32")


def test_the_summary_counts_what_became_of_the_norms():
    assert ConvertReport("convert", NORMS).summary() == (
        "2 of 4 norms converted to batchnorm.nn.BatchNorm2d and torch.nn.GroupNorm, 1 already so, 1 left as it was"
    )


def test_a_proof_is_told_with_its_modes():
    report = ConvertReport("convert", NORMS[:1], (), PROOF)
    assert report.summary().endswith("; equal in evaluation and training to 3e-7")
    assert report.table().notes[0] == (
        "proof: outputs, gradients and buffers of 2 inputs in evaluation and training differ by at most 3.0e-07 in "
        "float32, 2.0e-15 in float64"
    )


def test_a_row_has_the_reason_or_what_was_decided():
    rows = [[getattr(cell, "text", cell) for cell in row] for row in ConvertReport("convert", NORMS).table().rows]
    assert [row[-1] for row in rows] == ["", "Scaled has a forward of its own", "", "2 groups of 4 channels"]


def test_where_nothing_was_converted_a_reversion_says_so():
    assert ConvertReport("revert", NORMS[2:3]).summary() == "0 of 1 norm reverted, 1 already what it was"


def test_a_norm_is_asked_for_by_its_name():
    report = ConvertReport("convert", NORMS)
    assert (report.outcome_of("bn2"), report.named("converted")) == ("left", ("bn1", "bn4"))


def test_a_name_that_no_norm_has_is_refused_with_the_near_one():
    with pytest.raises(InputError, match=r"got 'bn5'\. The model has bn1, bn2, bn3, bn4\. Did you mean 'bn"):
        ConvertReport("convert", NORMS).outcome_of("bn5")


@pytest.mark.parametrize(("verb", "word"), [("freeze", "frozen"), ("unfreeze", "released")])
def test_a_freezing_answers_in_the_same_words(verb, word):
    norms = (NormFreezing("a", "BatchNorm2d", True, ()), NormFreezing("b", "BatchNorm2d", False, ()))
    report = Freezing(verb, norms)
    assert (report.outcome_of("a"), report.named("already"), report.notes, report.proof) == (word, ("b",), (), None)
