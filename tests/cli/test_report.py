"""`batchnorm report`: a page of a study or of a run, and what is refused."""

import sys
from pathlib import Path

import pytest

from batchnorm.records import StudyPlan, to_json
from batchnorm.report.page import _template

from ..report.made_up_study import made_up_study


@pytest.fixture(autouse=True)
def _without_what_draws(monkeypatch) -> None:
    """Spare the seconds in which Vega is bundled."""
    monkeypatch.setattr(_template, "_drawing", lambda: "")


@pytest.fixture
def study(batchnorm) -> Path:
    """The folder of a study whose only claim is complete."""
    study, runs = made_up_study(1)
    folder = Path("study")
    (folder / "runs").mkdir(parents=True)
    plan = StudyPlan("standard", study.data, "0", None, None, "cpu", 6, study.versions, ())
    (folder / "plan.json").write_text(to_json(plan))
    (folder / "result.json").write_text(to_json(study))
    for claim, one in runs.items():
        (folder / "runs" / f"{claim}.json").write_text(to_json(one))
    return folder


def names(folder: Path | str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_study_becomes_one_page(batchnorm, study) -> None:
    said = batchnorm("report", study, "-o", "report.html")
    assert (said.code, said.out, said.err) == (0, "", "report: report.html\n")
    assert "Faster convergence" in Path("report.html").read_text(encoding="utf-8")
    assert names() == ["report.html", "study"]


def test_figures_are_written_beside_as_pictures_and_numbers(batchnorm, study) -> None:
    said = batchnorm("report", study, "-o", "report.html", "--figures", "figures")
    assert said.code == 0
    assert {Path(name).suffix for name in names("figures")} == {".svg", ".png", ".csv"}
    assert f"figures: {len(names('figures'))} files in figures\n" in said.err


@pytest.mark.slow
def test_a_run_becomes_one_page(batchnorm, run) -> None:
    said = batchnorm("report", run, "-o", "report.html", "--threads", "1")
    assert (said.code, said.out) == (0, "")
    assert "What it says of test images" in Path("report.html").read_text(encoding="utf-8")


MISTAKES = {
    "another format": (["study", "-o", "r.pdf"], "--out: expected a name ending in .html, got r.pdf. Use r.html."),
    "no folder": (["study", "-o", "no/r.html"], "--out: no/r.html cannot be made: no is not a folder that"),
    "nothing": (["nope", "-o", "r.html"], "nope: expected the folder of a run or a study, found none. Check the path."),
    "another folder": (["study/runs", "-o", "r.html"], "study/runs: expected the folder of a run or a study, but it"),
    "an option of runs": (
        ["study", "-o", "r.html", "--data", "cifar10"],
        "--data: is for runs; a study was run with its own. Leave it out.",
    ),
    "a file for a folder": (
        ["study", "-o", "r.html", "--figures", "study/plan.json"],
        "--figures: expected a folder, got study/plan.json, a file.",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_code_2_and_writes_nothing(batchnorm, study, case: str) -> None:
    arguments, message = MISTAKES[case]
    said = batchnorm("report", *arguments)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert message in said.err
    assert names() == ["study"]


def test_a_study_of_which_no_claim_is_complete_is_refused(batchnorm, study) -> None:
    (study / "result.json").unlink()
    said = batchnorm("report", study, "-o", "r.html")
    assert (said.code, names()) == (2, ["study"])
    assert "study: no claim of this study is complete yet. Run the same `batchnorm study run` again" in said.err


@pytest.mark.parametrize("missing", ["jinja2", "altair"])
def test_without_what_a_report_needs_one_line_says_what_to_install(batchnorm, study, monkeypatch, missing) -> None:
    _template._environment.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)
    said = batchnorm("report", study, "-o", "r.html")
    assert (said.code, names()) == (1, ["study"])
    assert "pip install 'batchnorm[report]'" in said.err
    assert "Traceback" not in said.err
