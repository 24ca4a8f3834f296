"""The chart of a benchmark: which bars it has, and that it comes out the same every time."""

import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import matplotlib.figure
import pytest
from PIL import Image

from batchnorm.errors import InputError
from batchnorm.report import digest, speed_chart


def bars(axes):
    """Return the bars by the names beside them, which the first panel has."""
    first = axes.figure.axes[0]
    names = {tick: label.get_text() for tick, label in zip(first.get_yticks(), first.get_yticklabels(), strict=True)}
    return {names[round(bar.get_y() + bar.get_height() / 2)]: bar.get_width() for bar in axes.patches}


def test_a_bar_is_the_ratio_to_native_with_the_tuned_allocator_in_its_layout_s_panel(
    benchmark, figures, tmp_path
) -> None:
    speed_chart(benchmark, tmp_path / "speed.svg")
    nchw, channels_last = figures[0].axes
    assert (nchw.get_title("left"), channels_last.get_title("left")) == ("NCHW", "channels_last")
    assert bars(nchw) == {"32x64x112x112": 4.0, "128x16x28x28": 1.0}
    assert bars(channels_last) == {"32x64x112x112": 2.0, "128x16x28x28": 2.0, "128x32x28x28": 6.0}


def test_the_mark_is_where_the_bar_would_end_at_the_floor(benchmark, figures, tmp_path) -> None:
    speed_chart(benchmark, tmp_path / "speed.svg")
    marks = [line.get_xdata()[0] for line in figures[0].axes[0].lines if line.get_marker() == "|"]
    # 40 ms over 7/3 copies of 3 ms
    assert marks == pytest.approx([40 / 7, 10 / 7], rel=1e-12)


def test_the_legend_says_what_a_bar_a_mark_and_the_line_are(benchmark, figures, tmp_path) -> None:
    speed_chart(benchmark, tmp_path / "speed.png")
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "this library (longer is faster)",
        "what the speed of a plain copy would give",
        "PyTorch",
    ]
    assert {axes.get_xlabel() for axes in figures[0].axes} == {"times as fast as PyTorch"}


def test_no_number_stands_on_a_mark(benchmark, figures, tmp_path) -> None:
    speed_chart(benchmark, tmp_path / "speed.png")
    for axes in figures[0].axes:
        marks = [line.get_window_extent() for line in axes.lines if line.get_marker() == "|"]
        numbers = [text.get_window_extent() for text in axes.texts]
        assert not any(mark.overlaps(number) for mark in marks for number in numbers)


def test_each_norm_has_a_head_above_its_shapes(benchmark, figures, tmp_path) -> None:
    speed_chart(benchmark, tmp_path / "speed.png")
    axes = figures[0].axes[0]
    ticks = sorted(zip(axes.get_yticks(), (label.get_text() for label in axes.get_yticklabels()), strict=True))
    assert [name for _, name in ticks] == ["BN+ReLU", "32x64x112x112", "128x16x28x28", "BN+ReLU+pool", "128x32x28x28"]
    lower, upper = axes.get_ylim()
    assert lower > upper  # the first stands above


def test_the_same_benchmark_gives_the_same_svg_without_a_date(benchmark, tmp_path) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    for path in (one, other):
        speed_chart(benchmark, path)
    text = one.read_text()
    assert text == other.read_text()
    assert "<dc:date>" not in text
    assert digest(benchmark) in text


def test_another_process_draws_the_same_svg(benchmark, tmp_path) -> None:
    from batchnorm.records import to_json

    speed_chart(benchmark, tmp_path / "here.svg")
    (tmp_path / "bench.json").write_text(to_json(benchmark, lines=True))
    program = (
        "from batchnorm.report import speed_chart; from batchnorm.records import read_record; "
        "speed_chart(read_record('bench.json'), 'there.svg')"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert (tmp_path / "here.svg").read_bytes() == (tmp_path / "there.svg").read_bytes()


def test_another_benchmark_has_another_digest(benchmark) -> None:
    assert digest(benchmark) == digest(replace(benchmark))
    assert digest(benchmark) != digest(replace(benchmark, steps=()))


def test_a_png_can_be_read_and_is_as_high_as_its_rows_need(benchmark, tmp_path) -> None:
    speed_chart(benchmark, tmp_path / "speed.png")
    with Image.open(tmp_path / "speed.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert 200 < picture.height < picture.width


def test_settings_of_the_process_stay_as_they_are(benchmark, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would raise
    before = mpl.rcParams.copy()
    speed_chart(benchmark, tmp_path / "speed.svg")
    assert mpl.rcParams.copy() == before


def test_another_format_is_refused(benchmark, tmp_path) -> None:
    with pytest.raises(InputError, match=r"^path: expected a name ending in \.svg or \.png, got .*speed\.pdf"):
        speed_chart(benchmark, tmp_path / "speed.pdf")


def test_a_benchmark_without_layers_cannot_be_drawn(benchmark, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"^benchmark: expected rows with the tuned allocator, got none\."):
        speed_chart(replace(benchmark, layers=()), tmp_path / "speed.svg")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_chart_says_what_to_install(benchmark, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'batchnorm\[plots\]'"):
        speed_chart(benchmark, tmp_path / "speed.svg")
