"""The curves of trainings: what lies where, what is told of whom, and that it can be read."""

import itertools
import sys
import xml.etree.ElementTree as ET

import pytest

from batchnorm.errors import InputError, InputTypeError
from batchnorm.records import EpochRecord, RunHistory, TrainResult
from batchnorm.report import training_chart


def epoch(number: int, *, val: bool = True, plain: float | None = 0.25) -> EpochRecord:
    """One whose training loss is 1 / number, and whose validation loss is half of that."""
    return EpochRecord(
        epoch=number,
        steps=10,
        train_loss=1 / number,
        train_accuracy=0.5,
        val_loss=0.5 / number if val else None,
        val_accuracy=0.75 if val else None,
        lr=0.1 * number,
        seconds=1.0,
        images_per_second=1e3,
        train_plain_loss=None if plain is None else plain / number,
    )


def result(epochs: int = 3) -> TrainResult:
    return TrainResult(
        test_accuracy=0.7,
        test_loss=0.45,
        seconds=1.0,
        run=None,
        model="net",
        data="data",
        epochs=epochs,
        steps=10 * epochs,
        seed=0,
        parameters=1,
        val_accuracy=None,
        val_loss=None,
    )


def history(run: str = "runs/first", count: int = 3, **more) -> RunHistory:
    planned = more.pop("planned", 3)
    end = more.pop("result", None)
    return RunHistory(run, tuple(epoch(number, **more) for number in range(1, count + 1)), planned, end)


def curves(axes) -> list[list[float]]:
    return [list(line.get_ydata()) for line in axes.lines]


def told(figure) -> list[str]:
    """The words of all legends and of the title."""
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return [*legends, figure.get_suptitle()]


def test_lines_are_of_training_and_validation_and_a_diamond_is_the_test(figures, tmp_path) -> None:
    training_chart([history(result=result())], tmp_path / "c.png")
    loss, accuracy, rate = figures[0].axes
    assert curves(loss) == [[0.25, 0.125, 0.25 / 3], [0.5, 0.25, 0.5 / 3], [0.45]]
    assert curves(accuracy) == [[0.5] * 3, [0.75] * 3, [0.7]]
    assert curves(rate) == [[0.1, 0.2, pytest.approx(0.3)]]
    assert [list(line.get_xdata()) for line in loss.lines] == [[1, 2, 3], [1, 2, 3], [3]]
    assert told(figures[0]) == [
        "validation images",
        "training images, while the weights moved",
        "test images, at the end",
        "first",
    ]


def test_the_training_loss_is_the_one_with_smoothing_where_an_epoch_knows_no_other(figures, tmp_path) -> None:
    older = RunHistory("old", (epoch(1, plain=None), epoch(2)))
    training_chart([older], tmp_path / "c.png")
    assert curves(figures[0].axes[0])[0] == [1.0, 0.5]


def test_a_run_without_validation_images_has_no_line_and_no_words_for_them(figures, tmp_path) -> None:
    training_chart([history(val=False)], tmp_path / "c.png")
    assert [len(axes.lines) for axes in figures[0].axes] == [1, 1, 1]
    assert "validation images" not in told(figures[0])


def test_a_run_that_is_not_finished_says_how_far_it_is(figures, tmp_path) -> None:
    training_chart([history(planned=12)], tmp_path / "c.png")
    assert figures[0].get_suptitle() == "first (3 of 12 epochs)"


def test_a_finished_run_that_goes_on_is_not_finished(figures, tmp_path) -> None:
    training_chart([history(count=4, planned=6, result=result(3))], tmp_path / "c.png")
    assert figures[0].get_suptitle() == "first (4 of 6 epochs)"
    assert list(figures[0].axes[0].lines[-1].get_xdata()) == [3]


def test_several_runs_have_a_colour_each_and_the_one_without_an_epoch_its_name(figures, tmp_path) -> None:
    training_chart([history("a/x"), history("b/x"), history("b/y", count=0)], tmp_path / "c.png")
    assert told(figures[0])[2:5] == ["a/x (not tested yet)", "b/x (not tested yet)", "b/y (no epoch yet)"]
    colours = [line.get_color() for line in figures[0].axes[2].lines]
    assert len(set(colours)) == 3


@pytest.mark.parametrize("count", [8, 9])
def test_no_two_of_many_runs_have_the_same_colour(figures, tmp_path, count: int) -> None:
    training_chart([history(f"run{number}") for number in range(count)], tmp_path / "c.png")
    assert len({line.get_color() for line in figures[0].axes[2].lines}) == count


@pytest.mark.parametrize(("count", "long"), [(1, False), (2, True), (12, False), (25, True)])
def test_the_names_of_many_runs_stand_inside_and_apart_from_each_other_and_from_the_panels(
    figures, tmp_path, count: int, long: bool
) -> None:
    names = [f"{'a-long-name-of-a-run-' * 3 if long else 'run'}{number}" for number in range(count)]
    training_chart([history(name) for name in names], tmp_path / "c.png")
    figure = figures[0]
    boxes = [text.get_window_extent() for legend in figure.legends for text in legend.get_texts()]
    boxes += [axes.get_window_extent() for axes in figure.axes]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(("last", "scale"), [(0.011, "linear"), (0.009, "log"), (0.0, "linear")])
def test_the_loss_has_a_logarithmic_axis_where_it_falls_to_less_than_a_hundredth(
    figures, tmp_path, last: float, scale: str
) -> None:
    ends = tuple(EpochRecord(n, 1, loss, 0.5, None, None, 0.1, 1.0, 1.0) for n, loss in ((1, 1.0), (2, last)))
    training_chart([RunHistory("run", ends)], tmp_path / "c.png")
    assert figures[0].axes[0].get_yscale() == scale


@pytest.mark.parametrize("name", ["_hidden", "$x^$ {", "<b>&", "a\nb\x1b[2J", "x" * 300, "衣服"])
def test_any_name_of_a_run_can_be_drawn(tmp_path, name: str) -> None:
    training_chart([history(name), history("other")], tmp_path / "c.svg")
    texts = [text.text for text in ET.parse(tmp_path / "c.svg").iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - ours
    printable = " ".join(name.replace("\x1b[2J", "").split())
    assert any(text.startswith(printable[:20]) for text in texts)


def test_one_epoch_is_a_dot_above_its_number(figures, tmp_path) -> None:
    training_chart([history(count=1)], tmp_path / "c.png")
    axes = figures[0].axes[0]
    assert axes.lines[0].get_marker() == "o"
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


def test_the_axis_of_the_rate_begins_at_zero(figures, tmp_path) -> None:
    training_chart([history()], tmp_path / "c.png")
    assert figures[0].axes[2].get_ylim()[0] == 0


def test_the_same_histories_give_the_same_svg(tmp_path) -> None:
    for name in ("a.svg", "b.svg"):
        history(result=result()).plot(tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("histories", [history(), ["runs/first"], "runs/first", None])
def test_what_is_no_list_of_histories_is_refused(tmp_path, histories) -> None:
    with pytest.raises(InputTypeError, match=r"^histories: expected a list of RunHistory, got .*read_history\.$"):
        training_chart(histories, tmp_path / "c.png")


@pytest.mark.parametrize(
    ("histories", "got"), [([], "none"), ([history(count=0), history("b", 0)], "first, b, without an epoch")]
)
def test_no_epoch_at_all_is_refused(tmp_path, histories, got: str) -> None:
    with pytest.raises(InputError, match=f"^histories: expected a training that has .* got {got}. Wait for it"):
        training_chart(histories, tmp_path / "c.png")


def test_another_format_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"^path: expected a name ending in \.svg or \.png, got .*c\.pdf"):
        training_chart([history()], tmp_path / "c.pdf")


def test_without_matplotlib_the_chart_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"training_chart: .* pip install 'batchnorm\[plots\]'"):
        training_chart([history()], tmp_path / "c.png")
