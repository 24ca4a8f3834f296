"""The picture of the drift: which norms it calls stale, where its dots lie, and that it can be read."""

import itertools
import sys

import pytest
from PIL import Image

from batchnorm.errors import InputError
from batchnorm.records import STALE, NormRecalibration, Recalibration
from batchnorm.report import drift_chart


def norm(
    name: str,
    mean: float | None = 0.01,
    var: float | None = 0.01,
    error: float | None = 0.005,
) -> NormRecalibration:
    """The worst channel drifts three times as far as the average."""
    return NormRecalibration(
        name=name,
        kind="BatchNorm2d",
        state="exact",
        depth=1,
        calls=1.0,
        count=1000,
        old_mean=(0.0,),
        old_var=(1.0,),
        new_mean=(0.0,),
        new_var=(1.0,),
        drift_mean_max=None if mean is None else 3 * mean,
        drift_mean_average=mean,
        drift_var_max=None if var is None else 3 * var,
        drift_var_average=var,
        standard_error=None if error is None else (error / 2, error, None),
        samples_enough=100,
        residual_mean=1e-7,
        residual_var=1e-7,
    )


def record(*norms: NormRecalibration) -> Recalibration:
    return Recalibration(
        method="exact",
        variance="unbiased",
        samples=9500,
        batches=75,
        ranks=1,
        depth=2,
        exact_depth=2,
        seconds=1.0,
        dtype="float32",
        fingerprint="0123456789abcdef",
        norms=norms,
        skipped={},
        rounds=(),
        certificate=None,
    )


def lines(axes, marker):
    """The points that have this marker: (x, row)."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_marker() == marker and len(line.get_xdata())
    ]


@pytest.mark.parametrize(
    ("mean", "var", "stale"),
    [
        (STALE, STALE, False),
        (1.01 * STALE, 0.0, True),
        (0.0, 1.01 * STALE, True),
        (None, 0.0, True),
        (0.0, None, True),
    ],
)
def test_stale_is_a_norm_whose_average_drift_is_large_or_no_number(mean, var, stale: bool) -> None:
    assert norm("bn", mean, var).is_stale is stale


def test_dots_are_averages_lines_reach_the_worst_channel_ticks_are_standard_errors(figures, tmp_path) -> None:
    drift_chart(record(norm("bn1", 0.02, 0.3), norm("bn2", 0.2, 0.04)), tmp_path / "d.png")
    means, variances = figures[0].axes
    assert lines(means, "o") == [(0.02, 0), (0.2, 1)]
    assert lines(variances, "o") == [(0.3, 0), (0.04, 1)]
    assert [tuple(line.get_xdata()) for line in means.lines if len(line.get_xdata()) == 2][1:] == [
        pytest.approx((0.02, 0.06)),
        pytest.approx((0.2, 0.6)),
    ]
    assert lines(means, "|") == [(0.005, 0), (0.005, 1)]
    assert lines(variances, "|") == []
    colours = [{line.get_color() for line in axes.lines if line.get_marker() == "o"} for axes in (means, variances)]
    assert all(len(drawn) == 2 for drawn in colours)  # red and blue in both, for each dot is judged by itself


def test_the_first_norm_stands_above_and_stale_ones_are_bold(figures, tmp_path) -> None:
    drift_chart(record(norm("bn1"), norm("bn2", mean=0.5), norm("")), tmp_path / "d.png")
    means = figures[0].axes[0]
    labels = means.get_yticklabels()
    assert [label.get_text() for label in labels] == ["bn1", "bn2", "(the model)"]
    assert [label.get_fontweight() for label in labels] == ["normal", "bold", "normal"]
    lower, upper = means.get_ylim()
    assert lower > upper
    assert figures[0].get_suptitle() == "Stale: 1 of 3 norms, by 9,500 samples (exact)"


def test_what_is_no_number_is_a_cross_at_the_edge(figures, tmp_path) -> None:
    drift_chart(record(norm("bn1", mean=None)), tmp_path / "d.png")
    means = figures[0].axes[0]
    assert lines(means, "x") == [(means.get_xlim()[1], 0)]
    assert lines(means, "o") == []


def test_no_drift_at_all_stands_at_the_beginning_of_the_axis(figures, tmp_path) -> None:
    drift_chart(record(norm("bn1", mean=0.0, var=0.0, error=None)), tmp_path / "d.png")
    assert lines(figures[0].axes[0], "o") == [(1e-3, 0)]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (20, 1), (56, 1), (57, 2), (160, 3)])
def test_many_norms_stand_in_columns_and_each_has_its_name(figures, tmp_path, count: int, columns: int) -> None:
    names = [f"blocks.{number}.bn" for number in range(count)]
    drift_chart(record(*map(norm, names)), tmp_path / "d.png")
    axes = figures[0].axes
    assert len(axes) == 2 * columns
    assert [label.get_text() for panel in axes[::2] for label in panel.get_yticklabels()] == names
    with Image.open(tmp_path / "d.png") as picture:
        assert max(picture.size) < 2400


def test_no_two_names_overlap_among_160(figures, tmp_path) -> None:
    drift_chart(record(*(norm(f"stage{n // 40}.block{n}.conv.bn") for n in range(160))), tmp_path / "d.png")
    for panel in figures[0].axes[::2]:
        boxes = sorted((label.get_window_extent() for label in panel.get_yticklabels()), key=lambda box: box.y0)
        assert all(above.y0 >= below.y1 - 1 for below, above in itertools.pairwise(boxes))


def test_a_long_name_keeps_both_ends(figures, tmp_path) -> None:
    drift_chart(record(norm("blocks.3.1." + "very_long." * 9 + "bn$2$")), tmp_path / "d.png")
    (label,) = figures[0].axes[0].get_yticklabels()
    assert label.get_text().startswith("blocks.3.1.")
    assert label.get_text().endswith("bn$2$")
    assert len(label.get_text()) <= 34


def test_the_same_record_gives_the_same_svg_whose_names_can_be_searched(tmp_path) -> None:
    for name in ("a.svg", "b.svg"):
        drift_chart(record(norm("layer1.bn1")), tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert "layer1.bn1" in text
    assert "<dc:date>" not in text


def test_another_format_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"^path: expected a name ending in \.svg or \.png, got .*d\.pdf"):
        drift_chart(record(norm("bn")), tmp_path / "d.pdf")


def test_a_record_without_norms_cannot_be_drawn(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"^record: expected at least one norm that was recalibrated, got none"):
        drift_chart(record(), tmp_path / "d.png")


def test_without_matplotlib_the_chart_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'batchnorm\[plots\]'"):
        drift_chart(record(norm("bn")), tmp_path / "d.png")
