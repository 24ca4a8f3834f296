"""What is in the page of a training run, read as HTML, without a browser."""

from dataclasses import replace

import pytest

from batchnorm.records import from_json
from batchnorm.report import run_page
from batchnorm.report.page import _fitted, _template

from .made_up_run import PIXEL, made_up_run
from .taken_apart import Page

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture(autouse=True)
def _without_what_draws(monkeypatch) -> None:
    """Spare the seconds in which Vega is bundled: nothing is drawn here."""
    monkeypatch.setattr(_template, "_drawing", lambda: "")


def page_of(report, folder) -> Page:
    run_page(report, folder / "run.html")
    return Page((folder / "run.html").read_text(encoding="utf-8"))


def test_the_page_says_how_many_are_right_and_draws_what_there_is(tmp_path) -> None:
    page = page_of(made_up_run(), tmp_path)
    assert "75.00 % of 20 test images of fashion-mnist are right." in page.words
    assert [a["data-name"] for tag, a in page.elements if tag == "figure"] == ["epochs", "confusion"]


def test_every_sample_is_shown_with_what_the_model_says_and_what_it_is(tmp_path) -> None:
    page = page_of(made_up_run(), tmp_path)
    assert [a["src"] for tag, a in page.elements if tag == "img"] == [f"data:image/png;base64,{PIXEL}"] * 2
    assert "90 %, is shirt" in page.words


def test_the_record_inside_is_the_runs(tmp_path) -> None:
    report = made_up_run()
    assert from_json(page_of(report, tmp_path).records["record-run"]) == report


def test_a_record_that_is_too_large_lacks_its_images_and_the_page_says_so(tmp_path, monkeypatch) -> None:
    bare = len(_template.page_text("run.html", [], **shown(made_up_run(png=PIXEL * 100))).encode())
    monkeypatch.setattr(_fitted, "LARGEST", bare + 12_000)
    page = page_of(made_up_run(png=PIXEL * 100), tmp_path)
    assert [one.png for one in from_json(page.records["record-run"]).samples] == ["", ""]
    assert "lacks the images" in page.words
    assert (tmp_path / "run.html").stat().st_size <= _fitted.LARGEST


def shown(report):
    """What the page of a run is made of, without its record."""
    return {
        "report": report, "name": "first", "scores": report.evaluation.running, "shown": (),
        "tables": [], "records": {}, "held": "",
    }  # fmt: skip


def test_a_class_name_with_markup_in_it_stays_text(tmp_path) -> None:
    page = page_of(made_up_run(name=HOSTILE, classes=(HOSTILE, "shirt")), tmp_path)
    assert [a["src"][:5] for tag, a in page.elements if tag == "img"] == ["data:", "data:"]
    assert not [text for _, text in page.scripts if text.strip() == "alert(1)"]
    assert page.words.count(HOSTILE) >= 3


def test_a_model_file_without_epochs_has_a_page(tmp_path) -> None:
    page = page_of(replace(made_up_run(), history=None, samples=()), tmp_path)
    assert [a["data-name"] for tag, a in page.elements if tag == "figure"] == ["confusion"]
