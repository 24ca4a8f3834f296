"""Do the figures of a training show its epochs, its confusion matrix and its statistics as they are recorded?"""

from dataclasses import replace

import pytest

from batchnorm.records import (
    ClassScores,
    EpochRecord,
    Evaluation,
    NormRecalibration,
    Recalibration,
    RunHistory,
    RunReport,
    Scores,
    TrainResult,
)
from batchnorm.report.figures import chart_svg, run_charts

EPOCHS = tuple(EpochRecord(n, 10, 1 / n, 0.5, 2 / n, 0.25, 0.1 / n, 3.0, 1e3, 0.9 / n) for n in (1, 2, 4))
RESULT = TrainResult(0.75, 0.5, 9.0, "run", "ConvBNNet", "data", 4, 40, 0, 100, 0.25, 0.5)


def norm(name: str, drift: float | None) -> NormRecalibration:
    """A norm whose mean is off by that much on average, ten times as much in its worst channel, its variance half."""
    off = None if drift is None else 10 * drift
    halves = None if drift is None else drift / 2
    return NormRecalibration(
        name, "BatchNorm2d", "exact", 1, 1.0, 100, (0.0,), (1.0,), (0.0,), (1.0,),
        off, drift, off, halves, None, None, 0.0, 0.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def report() -> RunReport:
    """A run with three epochs, two classes, and a stale norm among three."""
    classes = tuple(ClassScores(name, 0.5, 0.5, 0.5, 10) for name in ("shoe", "<b>shirt</b>"))
    scores = Scores(0.5, 0.75, 20, classes, ((8, 2), (3, 7)))
    norms = (norm("bn1", 0.01), norm("bn2", 0.2), norm("bn3", None))
    return RunReport(
        "run",
        RunHistory("run", EPOCHS, 4, RESULT),
        Evaluation("run", "data", "test", 128, scores, None),
        recalibration(norms),
        (),
    )


def recalibration(norms: tuple[NormRecalibration, ...]) -> Recalibration:
    """A recalibration of so many norms; what its other fields say no figure shows."""
    from torch import nn, randn

    from batchnorm import recalibrate

    measured = recalibrate(nn.Sequential(nn.BatchNorm1d(2)), [randn(50, 2)])
    return replace(measured, norms=norms, samples=1234)


@pytest.fixture(scope="module")
def charts(report):
    """Its charts by their names."""
    return {chart.name: chart for chart in run_charts(report)}


def test_losses_are_those_without_label_smoothing(charts, rows) -> None:
    losses = [row for row in rows(charts["epochs"].spec, "panel") if row["panel"].startswith("loss")]
    training = [(row["x"], row["value"]) for row in losses if row["arm"] == "training images"]
    assert training == [(1, 0.9), (2, 0.45), (4, 0.225)]


def test_accuracies_are_percent(charts, rows) -> None:
    found = {row["arm"]: row["value"] for row in rows(charts["epochs"].spec, "panel") if row["panel"] == "accuracy, %"}
    assert found == {"training images": 50, "validation images": 25, "test images": 75}


def test_the_test_stands_at_the_epoch_that_was_kept(report, rows) -> None:
    kept = replace(report, history=replace(report.history, result=replace(RESULT, kept_epoch=2)))
    tested = [row for row in rows(run_charts(kept)[0].spec, "panel") if row["arm"] == "test images"]
    assert {row["x"] for row in tested} == {2}


def test_a_cell_of_the_confusion_is_its_share_of_the_true_class(charts, rows) -> None:
    cells = [
        (row["true"], row["predicted"], row["count"], row["share"]) for row in rows(charts["confusion"].spec, "share")
    ]
    assert cells == [
        ("shoe", "shoe", 8, 0.8),
        ("shoe", "<b>shirt</b>", 2, 0.2),
        ("<b>shirt</b>", "shoe", 3, 0.3),
        ("<b>shirt</b>", "<b>shirt</b>", 7, 0.7),
    ]


def test_the_most_frequent_mistake_is_said_first(charts) -> None:
    assert "true class first: <b>shirt</b> for shoe (3); shoe for <b>shirt</b> (2)." in charts["confusion"].words


def test_a_norm_has_the_average_and_the_worst_of_its_channels(charts, rows) -> None:
    found = [row for row in rows(charts["statistics"].spec, "from") if row.get("norm") == "bn2"]
    assert {(row["arm"], row["from"], row["to"]) for row in found} == {
        ("mean, in sigmas", 0.2, 2.0),
        ("variance, |log ratio|", 0.1, 2.0),
    }


def test_stale_norms_are_counted_and_what_is_no_number_is_named(charts) -> None:
    notes = charts["statistics"].notes
    assert "Beyond 0.1, the dashed line, statistics are stale: those of 2 of 3 norms." in notes
    assert "Not a number: bn3." in notes


@pytest.mark.parametrize("name", ["epochs", "confusion", "statistics"])
def test_every_figure_of_a_run_is_drawn(charts, name) -> None:
    assert chart_svg(charts[name], "dark", 328).startswith("<svg")


def test_what_was_not_gathered_has_no_figure(report) -> None:
    bare = replace(report, history=None, statistics=None)
    assert [chart.name for chart in run_charts(bare)] == ["confusion"]


def test_a_run_without_an_epoch_has_no_curves(report) -> None:
    begun = replace(report, history=RunHistory("run", (), 4))
    assert "epochs" not in {chart.name for chart in run_charts(begun)}


def test_many_classes_are_a_map_without_empty_cells(report, rows) -> None:
    names = tuple(ClassScores(f"class {n}", 0.5, 0.5, 0.5, 1) for n in range(100))
    counts = tuple(tuple(int(n == m) for m in range(100)) for n in range(100))
    many = replace(report, evaluation=replace(report.evaluation, running=Scores(0.5, 1.0, 100, names, counts)))
    chart = next(chart for chart in run_charts(many) if chart.name == "confusion")
    assert len(rows(chart.spec, "share")) == 100


def test_of_very_many_pairs_of_classes_those_with_the_most_images_are_drawn(report, rows) -> None:
    names = tuple(ClassScores(f"{n}", 0.5, 0.5, 0.5, 1) for n in range(70))
    counts = tuple(tuple(1 + 9 * (n == m) for m in range(70)) for n in range(70))
    many = replace(report, history=None, statistics=None)
    many = replace(many, evaluation=replace(report.evaluation, running=Scores(0.5, 0.1, 5530, names, counts)))
    (chart,) = run_charts(many)
    found = rows(chart.spec, "share")
    assert (len(found), sum(row["count"] == 10 for row in found), len(chart.numbers.rows)) == (4000, 70, 4900)
    assert "Of 4,900 pairs of classes the 4,000 with the most images are drawn." in chart.notes


def test_of_very_many_norms_those_furthest_off_are_drawn_in_the_model_s_order(report, rows) -> None:
    norms = tuple(norm(f"bn{n}", 0.001 * (n % 100 + 1)) for n in range(100))
    many = replace(report, history=None, statistics=replace(report.statistics, norms=norms))
    chart = run_charts(many)[-1]
    found = [row["norm"] for row in rows(chart.spec, "from") if row.get("arm") == "mean, in sigmas"]
    assert [*dict.fromkeys(found)] == [f"bn{n}" for n in range(40, 100)]
    assert "The 60 norms that are furthest off are drawn." in chart.notes
