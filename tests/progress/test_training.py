"""How a training looks, without one."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from batchnorm.progress import FreezingPlan, Plan, PopulationPlan, StepReport
from batchnorm.progress._fold import FoldNotes
from batchnorm.progress._recalibration import RoundNotes
from batchnorm.progress._training import Bar, Lines, Notes, describe

PLAN = Plan("ConvBNNet", "fashion-mnist", "cpu", 421_642, 60_000, 12, 456, 0, 0)


@pytest.fixture
def draw():
    """Draw the bar at a width, after the step that is given or before the first; return its line."""

    def drawn(width: int, report: StepReport | None = None) -> str:
        screen = StringIO()
        console = Console(file=screen, width=width, force_terminal=True, color_system=None)
        bar = Bar(console)
        bar.started(PLAN)
        if report:
            bar.step(report)
        screen.truncate(screen.seek(0))
        console.print(bar.progress.get_renderable())
        return screen.getvalue()

    return drawn


STEP = StepReport(epoch=11, step=455, loss=0.2345, accuracy=0.9123, images_per_second=12_345.6)


def test_before_the_first_step_there_are_no_numbers(draw) -> None:
    line = draw(100)
    assert "nan" not in line
    assert "loss –  acc –" in line  # noqa: RUF001 - a dash, not a minus
    assert "– img/s" in line  # noqa: RUF001


def test_files_that_are_looked_at_have_a_bar_until_all_are_through() -> None:
    screen = StringIO()
    console = Console(file=screen, width=80, force_terminal=True, color_system=None)
    bar = Bar(console)
    bar.reading("looking at the files", 30, 200)
    console.print(bar.progress.get_renderable())
    assert "looking at the files" in screen.getvalue()
    assert "30/200" in screen.getvalue()
    bar.reading("looking at the files", 200, 200)
    screen.truncate(screen.seek(0))
    console.print(bar.progress.get_renderable())
    assert "looking" not in screen.getvalue()


def test_a_wide_terminal_shows_everything(draw) -> None:
    line = draw(100, STEP)
    for text in ("epoch 11/12", "━", "5015/5472", "loss 0.234  acc 0.912", "12,346 img/s"):
        assert text in line


@pytest.mark.parametrize("width", [34, 40, 50, 60, 70, 80])
def test_a_narrow_terminal_cuts_no_text(draw, width: int) -> None:
    line = draw(width, STEP)
    assert "…" not in line
    assert len(line.splitlines()) == 1
    assert "epoch 11/12" in line
    assert "loss 0.234  acc 0.912" in line


def test_the_speed_goes_before_the_bar(draw) -> None:
    line = draw(60, STEP)
    assert "img/s" not in line
    assert "━" in line


def test_one_epoch_of_one_step_is_not_in_the_plural() -> None:
    assert "1 epoch of 1 step, cpu" in describe(Plan("MLP", "mine", "cpu", 10, 64, 1, 1, 0, 0))
    assert "12 epochs of 456 steps, cpu" in describe(PLAN)


@pytest.mark.parametrize("kind", [Notes, FoldNotes, RoundNotes])
def test_notes_are_put_in_the_words_of_the_reader(kind, capsys) -> None:
    kind(lambda message: message.replace("verify=False", "--no-verify")).note("not proved: verify=False")
    assert capsys.readouterr().err == "note: not proved: --no-verify\n"


POPULATION = PopulationPlan(images=2_000, augmented=True, every=469, done=0, left=13, step_images=684_000)


def bar_on(screen: StringIO, width: int) -> Bar:
    bar = Bar(Console(file=screen, width=width, force_terminal=True, color_system=None))
    bar.started(replace(PLAN, population=POPULATION))
    return bar


@pytest.mark.parametrize("width", [34, 60, 100])
def test_while_the_population_is_measured_the_bar_says_so(width: int) -> None:
    bar = bar_on(screen := StringIO(), width)
    bar.step(STEP)
    bar.measuring(3, 16)
    screen.truncate(screen.seek(0))
    bar.console.print(bar.progress.get_renderable())
    assert "measuring population statistics" in screen.getvalue()
    assert len(screen.getvalue().splitlines()) == 1


def test_the_next_step_puts_the_epoch_back() -> None:
    bar = bar_on(screen := StringIO(), 100)
    bar.measuring(16, 16)
    bar.step(STEP)
    screen.truncate(screen.seek(0))
    bar.console.print(bar.progress.get_renderable())
    assert "epoch 11/12" in screen.getvalue()
    assert "measuring" not in screen.getvalue()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "augmented as in training, before step 1 and every 469 steps: 13 forward passes over 26,000 images in all, "
            "3.8% of the 684,000 that the steps read",
        ),
        (
            {"augmented": False, "every": 1, "done": 12, "left": 1, "step_images": 0},
            "not augmented, after every step: 1 more forward pass over 2,000 images in all",
        ),
    ],
)
def test_what_measuring_costs_is_said_before_it_starts(capsys, changes: dict[str, object], said: str) -> None:
    Lines().started(replace(PLAN, population=replace(POPULATION, **changes)))
    line = capsys.readouterr().out.splitlines()[1]
    assert line == f"population statistics: measured on 2,000 images, {said}"


def test_a_training_that_measures_nothing_says_nothing_of_it(capsys) -> None:
    Lines().started(replace(PLAN, population=replace(POPULATION, left=0)))
    Lines().started(PLAN)
    assert "population" not in capsys.readouterr().out


FREEZING = FreezingPlan(("bn1", "bn2"), since=4_378, steps=5_472)


@pytest.mark.parametrize("shown", [Lines(), None], ids=["lines", "bar"])
def test_what_will_stand_still_and_how_many_batches_are_a_step_is_said_before(shown, capsys) -> None:
    screen = StringIO()
    watcher = shown or Bar(Console(file=screen, width=200, force_terminal=True, color_system=None))
    watcher.started(replace(PLAN, freezing=FREEZING, batches_per_step=4))
    said = screen.getvalue() or capsys.readouterr().out
    assert "12 epochs of 456 steps of 4 batches, cpu" in said
    assert "running statistics of 2 norms: frozen after step 4,378 of 5,472 (bn1, bn2)" in said
