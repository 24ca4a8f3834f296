"""Are the rates that a standard study has found those that a quick one takes?"""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from batchnorm.records import StudyArm, StudyFound
from batchnorm.study import CLAIMS, _rates
from batchnorm.study._judged import judged
from batchnorm.study._rates import Rates

TOOL = Path(__file__).parents[1] / "tools" / "write_rates.py"


@pytest.fixture
def tool(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("write_rates", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(tool, "FILE", tmp_path / "rates.json")
    return tool


class Found:
    """A study whose search has found a rate for an arm of the first claim."""

    budget, data, model = "standard", "fashion-mnist", None

    def __init__(self):
        claim = judged(CLAIMS[0], [], [0])
        arm = StudyArm("mine", {"norm": "none", "lr": "own"})
        self.claims = (replace(claim, arms=(arm,), found=(StudyFound("mine", "lr", 0.03, edge=False),)),)


def test_what_was_found_is_known_for_an_arm_of_the_same_options(tool, monkeypatch):
    monkeypatch.setattr(tool, "read_study", lambda folder: (Found(), {}))
    tool.main(Path("study"))
    rates = Rates(json.loads(tool.FILE.read_text()))
    assert rates.known(CLAIMS[0], {"lr": "own", "norm": "none"}) == 0.03
    assert rates.known(CLAIMS[0], {"lr": "own", "norm": "batch"}) is None


def test_rates_of_another_budget_are_not_written(tool, monkeypatch):
    study = Found()
    study.budget = "quick"
    monkeypatch.setattr(tool, "read_study", lambda folder: (study, {}))
    with pytest.raises(SystemExit, match="expected a standard study on fashion-mnist"):
        tool.main(Path("study"))
    assert not tool.FILE.exists()


def test_the_rates_of_the_library_can_be_read():
    assert isinstance(_rates.committed_rates(), Rates)
