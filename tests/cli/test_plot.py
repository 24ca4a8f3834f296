"""`batchnorm plot`: what it draws, and what it refuses."""

import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from batchnorm.runs import RunFolder, TrainConfig


def texts(path: str) -> list[str]:
    return [text.text for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - ours


def test_a_picture_of_a_run_is_written_and_said(batchnorm, run) -> None:
    said = batchnorm("plot", run, "-o", "curves.svg")
    assert (said.code, said.out, said.err) == (0, "", "curves of the training: curves.svg\n")
    assert {"run", "accuracy", "test images, at the end"} <= {*texts("curves.svg")}


def test_png_is_written_by_its_ending(batchnorm, run) -> None:
    assert batchnorm("plot", run, "-o", "curves.png").code == 0
    with Image.open("curves.png") as picture:
        assert picture.format == "PNG"


def test_several_runs_are_compared_each_once_and_one_that_has_just_begun_is_named(batchnorm, run) -> None:
    begun = RunFolder.plan("begun")
    with begun.created(TrainConfig()):
        pass
    other = shutil.copytree(run, "other")
    said = batchnorm("plot", run, other, "begun", f"{run}/../run", "-o", "curves.svg")
    assert said.code == 0
    assert [text for text in texts("curves.svg") if text in ("run", "other", "begun (no epoch yet)")] == [
        "run",
        "other",
        "begun (no epoch yet)",
    ]


MISTAKES = {
    "another format": (["own", "-o", "c.pdf"], "--out: expected a name ending in .svg or .png, got c.pdf. Use c.svg."),
    "no folder": (["own", "-o", "no/c.svg"], "--out: no/c.svg cannot be made: no is not a folder that"),
    "no run": (["nope", "-o", "c.svg"], "nope: expected the folder of a run, found none. Check the path."),
    "none at all": (["-o", "c.svg"], "expected the folder of a run, got none. Name one, or several."),
    "no epoch": (
        ["begun", "-o", "c.svg"],
        "plot: expected a training that has finished its first epoch, got begun, without an epoch. Wait for it.",
    ),
    "damaged": (["own", "damaged", "-o", "c.svg"], "damaged/metrics.jsonl, line 1: "),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_code_2_and_writes_nothing(batchnorm, run, case: str) -> None:
    shutil.copytree(run, "own")
    shutil.copytree(run, "damaged")
    Path("damaged/metrics.jsonl").write_text("{}\n")
    with RunFolder.plan("begun").created(TrainConfig()):
        pass
    before = sorted(path.name for path in (*Path().iterdir(), *Path("own").iterdir()))
    arguments, message = MISTAKES[case]
    said = batchnorm("plot", *arguments)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert message in said.err
    assert sorted(path.name for path in (*Path().iterdir(), *Path("own").iterdir())) == before


def test_a_file_of_a_run_is_not_drawn_over(batchnorm, run) -> None:
    own = Path(shutil.copytree(run, "own"))
    (own / "link.svg").symlink_to("metrics.csv")
    said = batchnorm("plot", own, "-o", own / "link.svg")
    assert said.code == 2
    assert "belongs to the run, which stays as it is" in said.err


def test_without_matplotlib_one_line_says_what_to_install(batchnorm, run, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = batchnorm("plot", run, "-o", "c.svg")
    assert said.code == 1
    assert "pip install 'batchnorm[plots]'" in said.err
    assert "Traceback" not in said.err
