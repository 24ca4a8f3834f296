"""A fold in words: the line that printing it begins with, and its rows."""

from dataclasses import replace

import pytest

from batchnorm.records import FoldedNorm, FoldProof, FoldReport, Judgement, RunFold

FOLDED = FoldedNorm("bn1", "BatchNorm2d", "folded", ("conv1",))
SHIFT = FoldedNorm("bn2", "BatchNorm2d", "shift", ("conv2",), "conv2 pads with zeros")
SCALED = FoldedNorm("bn3", "BatchNorm2d", "scale-shifted", (), "nothing with a weight reads it")
LEFT = FoldedNorm("", "BatchNorm2d", "left", (), "it is in training mode")
PROOF = FoldProof(3, 1.2e-14, 6e-7, 4e-7, "float32")
REPORT = FoldReport((FOLDED,), (), (), PROOF, 1000, 960, 2.0, 1.5)
RUN = RunFold(
    "runs/x",
    "few",
    REPORT,
    "test",
    2000,
    Judgement(0.5, 0.8),
    Judgement(0.5, 0.8),
    16,
    2.0,
    1.5,
    15,
    "cpu",
    1,
    "f",
    "0",
)


@pytest.mark.parametrize(
    ("change", "summary"),
    [
        ({}, "1 of 1 norm folded; outputs equal to 1e-14 in float64 (6e-7 in float32)"),
        ({"proof": None}, "1 of 1 norm folded; not proved"),
        (
            {"norms": (FOLDED, SHIFT, SCALED, LEFT, LEFT)},
            "1 of 5 norms folded, 1 folded but for its shift, 1 made a scale-shift, 2 left as they were; "
            "outputs equal to 1e-14 in float64 (6e-7 in float32)",
        ),
        (
            {"proof": replace(PROOF, error_float64=None)},
            "1 of 1 norm folded; outputs equal to 6e-7 in float32 (not proved in float64)",
        ),
        (
            {"proof": FoldProof(3, 2e-15, 2e-15, 0.0, "float64")},
            "1 of 1 norm folded; outputs equal to 2e-15 in float64",
        ),
        (
            {"proof": replace(PROOF, error_float64=0.0)},
            "1 of 1 norm folded; outputs equal to 0 in float64 (6e-7 in float32)",
        ),
        ({"norms": ()}, "no batch norm is a module of the model: nothing was folded"),
    ],
)
def test_printing_a_report_begins_with_one_line_about_all_norms(change, summary, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert str(replace(REPORT, **change)).splitlines()[0] == summary


def test_a_row_says_into_what_a_norm_went_and_why_not_more() -> None:
    table = replace(REPORT, norms=(FOLDED, SHIFT, LEFT)).table()
    assert [[cell.text for cell in row] for row in table.cells] == [
        ["bn1", "BatchNorm2d", "folded", "conv1"],
        ["bn2", "BatchNorm2d", "shift", "conv2; conv2 pads with zeros"],
        ["(the model)", "BatchNorm2d", "left", "it is in training mode"],
    ]
    assert [row[2].mark for row in table.cells] == ["", "warning", "bad"]


def test_the_proof_what_is_loose_notes_and_costs_stand_below() -> None:
    report = replace(REPORT, loose=("block", ""), notes=("Parallel: the module inside is meant",))
    assert report.table().notes == (
        "proof: outputs of 3 inputs differ by at most 1.2e-14 in float64, 6.0e-07 in float32, whose rounding alone "
        "makes 4.0e-07",
        "F.batch_norm runs in block, where no module could be replaced",
        "F.batch_norm runs in the model, where no module could be replaced",
        "note: Parallel: the module inside is meant",
        "parameters and statistics: 1,000 -> 960; one call: 2.00 -> 1.50 ms",
    )


def test_a_run_has_its_stages_in_a_table_of_their_own() -> None:
    assert list(RUN.tables()) == ["norms", "stages"]
    assert [[cell.text for cell in row] for row in RUN.table("stages").cells] == [
        ["as it was", "0.8000", "0.5000", "2.00"],
        ["folded", "0.8000", "0.5000", "1.50"],
    ]


def test_a_run_that_was_recalibrated_before_has_three_stages() -> None:
    run = replace(RUN, trained=Judgement(0.75, 0.7), milliseconds_trained=2.5)
    assert [row[0].text for row in run.table("stages").cells] == ["as trained", "recalibrated", "folded"]


def test_a_checkpoint_of_no_known_images_has_milliseconds_alone() -> None:
    stages = replace(RUN, data=None, judged_on=None, judged=0, before=None, after=None).table("stages")
    assert [column.heading for column in stages.columns] == ["net", "ms for a batch of 16"]
    assert stages.notes[0] == "milliseconds: median of 15 calls each, in turn, on cpu with 1 thread"


def test_the_summary_of_a_run_is_one_line() -> None:
    assert RUN.summary() == (
        "1 of 1 norm folded; test accuracy 0.8000 -> 0.8000; 2.00 -> 1.50 ms for a batch of 16; written: f"
    )


def test_a_time_of_seconds_is_no_power_of_ten() -> None:
    slow = replace(REPORT, milliseconds_before=1480.0, milliseconds_after=150.0)
    assert "one call: 1480 -> 150 ms" in str(slow)
