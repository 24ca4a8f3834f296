"""How a learning-rate range test looks while it goes on."""

from io import StringIO

from rich.console import Console

from batchnorm.progress._rates import RatesBar
from batchnorm.progress._training import Bar, Lines
from batchnorm.records import LRRangeTest, RangeTestStep

FOUND = LRRangeTest("Net", "mine", "SGD", 64, 0.95, (RangeTestStep(0.1, 2.0, 2.0),), "risen", 0.0123, 0.03, 0.025)


def drawn(bar: Bar | RatesBar, screen: StringIO, console: Console) -> str:
    screen.truncate(screen.seek(0))
    console.print(bar.progress.get_renderable())
    return screen.getvalue()


def screened() -> tuple[StringIO, Console]:
    screen = StringIO()
    return screen, Console(file=screen, width=80, force_terminal=True, color_system=None)


def test_the_bar_of_lr_find_shows_rate_loss_and_steps() -> None:
    screen, console = screened()
    bar = RatesBar(console)
    bar.rate_tried(7, 100, 0.00123, 2.3456)
    line = drawn(bar, screen, console)
    assert "learning rate 0.00123  loss 2.346" in line
    assert "7/100" in line


def test_the_bar_of_a_training_shows_them_before_its_first_step() -> None:
    screen, console = screened()
    bar = Bar(console)
    bar.rate_tried(7, 100, 0.00123, 2.3456)
    line = drawn(bar, screen, console)
    assert "lr 0.00123  loss 2.346" in line
    assert "7/100" in line


def test_the_bar_goes_and_the_suggestion_stays() -> None:
    screen, console = screened()
    bar = Bar(console)
    bar.rate_tried(7, 100, 0.00123, 2.3456)
    bar.rates_tried(FOUND)
    assert "learning rate 0.0123, by a range test of 1 step\n" in screen.getvalue()
    assert "lr 0.00123" not in drawn(bar, screen, console)


def test_in_a_file_the_suggestion_is_one_line(capsys) -> None:
    lines = Lines()
    lines.rate_tried(7, 100, 0.00123, 2.3456)
    lines.rates_tried(FOUND)
    assert capsys.readouterr().out == "learning rate 0.0123, by a range test of 1 step\n"
