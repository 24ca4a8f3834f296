"""Does a study tell how far it is, once for each reason why runs crash, on a terminal and in a file?"""

import io
import re

import pytest
from rich.console import Console

from batchnorm.progress import ClaimStanding, StudyStanding
from batchnorm.progress import _study as drawn
from batchnorm.records import StudyRun

BEGUN = StudyStanding(
    (ClaimStanding("cost", 3, 12, 2, 900.0), ClaimStanding("l1-l2", 0, 40, 0, None)), 2, 1, seconds_left=3700.0
)


class Answer:
    """What is told of a claim."""

    id = "cost"

    def summary(self):
        return "Cost: supported"


def crash(seed=0, reason="ValueError: no such gain"):
    return StudyRun("0f", "plain", {}, seed, False, "crashed", reason, {}, {}, 0.1)


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)


def shown(console):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def test_a_terminal_has_a_bar_for_each_claim_under_way_and_one_for_all(terminal):
    with drawn.StudyBars(terminal) as bars:
        bars.started("quick study on mine", BEGUN)
    last = shown(terminal).rstrip().splitlines()[-2:]
    assert re.match(r"cost .* 3/12 +about 7 min 30 s left", last[0])
    assert re.match(r"all .* 3/52 +about 1 h 2 min left", last[1])


def test_a_verdict_stands_above_the_bars_and_its_claim_has_none_any_more(terminal):
    with drawn.StudyBars(terminal) as bars:
        bars.started("quick study on mine", BEGUN)
        bars.judged(Answer())
        terminal.file.truncate(0)
        bars.moved(StudyStanding(BEGUN.claims[1:], 2, 1, None))
    assert "cost" not in shown(terminal)


def test_the_bar_for_all_stays_the_last(terminal):
    with drawn.StudyBars(terminal) as bars:
        bars.started("quick study on mine", BEGUN)
        both = tuple(ClaimStanding(name, 3, 12, 1, None) for name in ("cost", "l1-l2"))
        bars.moved(StudyStanding(both, 2, 1, None))
        names = [task.description for task in bars.progress.tasks]
    assert names == ["cost", "l1-l2", "all"]


def test_a_file_is_told_what_lies_ahead_and_each_verdict(capsys):
    lines = drawn.StudyLines()
    lines.started("quick study on mine", BEGUN)
    lines.judged(Answer())
    ahead = "quick study on mine: 2 claims, 52 runs, 3 of them done; about 1 h 2 min (2 processes, 1 thread each)"
    assert capsys.readouterr().err.splitlines() == [ahead, "Cost: supported"]


def test_a_file_is_told_how_far_it_is_only_once_a_minute(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lines = drawn.StudyLines()
    for now[0] in (1.0, 59.0, 61.0, 62.0, 122.0):
        lines.moved(BEGUN)
    assert capsys.readouterr().err.splitlines() == ["3/52 runs (cost 3/12), about 1 h 2 min left"] * 2


def test_crashes_for_one_reason_are_told_once(capsys):
    notes = drawn.StudyNotes()
    for seed in range(3):
        notes.ran("cost", crash(seed))
    notes.ran("cost", crash(reason="OSError: none"))
    assert [line.partition("): ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "ValueError: no such gain; the others go on",
        "OSError: none; the others go on",
    ]
