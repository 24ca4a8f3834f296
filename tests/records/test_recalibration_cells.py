"""A recalibration at a terminal: what stands in its rows, and what below them."""

from dataclasses import replace

import pytest

from batchnorm.records import Certificate, Judgement, NormRecalibration, Recalibration, RunRecalibration


def norm(name: str, mean: float | None = 0.123, residual: float | None = 2e-8, **parts) -> NormRecalibration:
    drift = (mean, mean, None if mean is None else 0.0, 0.98)
    kept = ((0.0,), (1.0,), (0.25,), (1.0,))
    found = NormRecalibration(name, "BatchNorm2d", "exact", 18, 1.0, 9, *kept, *drift, (0.5,), 8054, residual, 3e-8)
    return replace(found, **parts)


CERTIFICATE = Certificate(2, 2, 3e-8, 3e-8, 1e-4, "float32", "00", 700)
RECORD = Recalibration(
    "exact",
    "unbiased",
    700,
    6,
    1,
    19,
    18,
    1.0,
    "float32",
    "00",
    (norm("stage1.0.residual.bn1"), norm("stage3.2.residual.bn2", None, None)),
    {"head.bn": "it is frozen"},
    (),
    CERTIFICATE,
    ("a note",),
)
RUN = RunRecalibration(
    "runs/x", "few", "train", True, 128, "test", 2000, Judgement(2.0, 0.5), Judgement(None, 0.75), "a", "b", "c", RECORD
)


def test_a_layer_s_name_stays_on_its_line_and_stale_rows_say_how_far_off() -> None:
    """Names as long as those of ResNet-20, on a terminal of 80 columns, with every column there is."""
    rows = [line.split() for line in RECORD.table().text(80).splitlines() if "stage" in line]
    assert rows == [
        ["stage1.0.residual.bn1*", "18", "0.12", "(0.12)", "0.98", "(0.00)", "0.5", "8,054", "3e-08"],
        ["stage3.2.residual.bn2*", "18", "–", "(–)", "0.98", "(–)", "0.5", "8,054", "–"],  # noqa: RUF001 - dashes
    ]


def test_a_stale_norm_is_marked_for_the_eye_too() -> None:
    still = norm("bn", 0.0, drift_var_max=0.0, drift_var_average=0.0)
    cells = replace(RECORD, norms=(*RECORD.norms, still)).table().cells
    assert [{cell.mark for cell in row} for row in cells] == [{"bad"}, {"bad"}, {""}]


def test_what_was_left_alone_the_notes_and_the_certificate_stand_below() -> None:
    assert RECORD.table().notes[2:] == (
        "left alone: head.bn (it is frozen)",
        "note: a note",
        "certificate: 2 of 2 norms within 0.0001, exact down to depth 18 of 19; residual 3e-08 sigmas (mean), "
        "3e-08 (variance); 700 samples, data 00, float32",
    )


def test_without_a_certificate_it_is_said_how_to_get_one() -> None:
    assert replace(RECORD, certificate=None).table().notes[-1] == (
        "no certificate: the residual was not measured; data 00, float32"
    )


def test_a_run_s_table_says_how_the_net_does_and_where_it_is() -> None:
    assert RUN.table().notes[-2:] == (
        "2,000 test images of few: loss 2.0000 -> –, accuracy 0.5000 -> 0.7500",  # noqa: RUF001 - a dash
        "written: a; as it was: c",
    )


def test_the_summary_of_a_run_is_one_line() -> None:
    assert RUN.summary() == (
        "recalibrated (exact) by 700 images in 1.0 s: 2 of 2 norms were stale, 2 are settled within 0.0001; "
        "test loss 2.0000 -> –, accuracy 0.5000 -> 0.7500"  # noqa: RUF001 - a dash
    )


def test_one_norm_has_a_table_of_its_channels() -> None:
    table = norm("bn").table()
    assert table.title == "bn (BatchNorm2d), 9 values per channel"
    assert [[cell.text for cell in row] for row in table.cells] == [["0", "0", "0.25", "1", "1", "0.5"]]


def test_a_norm_of_no_known_error_has_no_column_for_it() -> None:
    assert [column.heading for column in norm("bn", standard_error=None).table().columns][-1] == "new var."


@pytest.mark.parametrize(("record", "suffix"), [(RECORD, "svg"), (RUN, "png")])
def test_the_drift_is_drawn_where_the_record_is_asked_for_it(record, suffix, tmp_path) -> None:
    path = tmp_path / f"drift.{suffix}"
    record.plot(path)
    assert path.read_bytes()[:5] in (b"<?xml", b"\x89PNG\r")
