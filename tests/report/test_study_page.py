"""What is in the page of a study, read as HTML, without a browser."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest

from batchnorm.errors import InputError
from batchnorm.records import from_json, to_dict
from batchnorm.report import study_page
from batchnorm.report.page import _fitted, _template

from .made_up_study import made_up_study
from .taken_apart import Page

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def page_of(study, runs, folder) -> Page:
    study_page(study, runs, folder / "report.html")
    return Page((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def _without_what_draws():
    """Spare the seconds in which Vega is bundled: nothing is drawn here, `test_page_in_chromium.py` does it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_template, "_drawing", lambda: 900_000 * "v")
        yield


@pytest.fixture(scope="module")
def made():
    return made_up_study(2)


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    study_page(*made, path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def page(written) -> Page:
    return Page(written.decode())


def test_every_claim_has_a_row_a_part_and_a_figure(page, made) -> None:
    ids = [claim.id for claim in made[0].claims]
    assert [a["id"] for tag, a in page.elements if tag == "section"][: len(ids)] == ids
    assert [a["href"] for tag, a in page.elements if tag == "a" and a.get("class") is None and a["href"][1:] in ids][
        : len(ids)
    ] == [f"#{one}" for one in ids]
    assert sum(tag == "figure" for tag, _ in page.elements) == len(ids)


def test_no_id_is_there_twice_and_every_link_inside_the_page_leads_somewhere(page) -> None:
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len({*ids})
    inside = {a["href"][1:] for tag, a in page.elements if tag == "a" and a["href"].startswith("#")}
    assert inside <= {*ids}


def test_nothing_is_loaded_from_anywhere(page) -> None:
    loading = [a for tag, a in page.elements if tag != "a" and {"src", "href", "srcset", "data", "poster"} & {*a}]
    assert loading == []
    assert not re.search(r"@import|url\(", page.style)
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")


def test_only_the_script_that_the_policy_names_by_its_sum_may_run(page) -> None:
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    running = [text for attributes, text in page.scripts if "type" not in attributes]
    sums = [b64encode(sha256(text.encode()).digest()).decode() for text in running]
    assert re.findall(r"'sha256-([^']+)'", policy) == sums
    assert "script-src 'unsafe-inline'" not in policy


def test_the_records_inside_are_the_studys(page, made) -> None:
    study, runs = made
    records = dict(page.records)
    assert from_json(records.pop("record-study")) == study
    assert {name: from_json(text) for name, text in records.items()} == {
        f"record-runs-{claim}": one for claim, one in runs.items()
    }


@pytest.fixture
def room(monkeypatch):
    """Say how many bytes a page may have beside what draws its figures."""
    return lambda size: monkeypatch.setattr(_fitted, "LARGEST", 900_000 + size)


def test_curves_that_are_too_large_are_rounded_and_the_page_says_so(room, tmp_path) -> None:
    room(110_000)
    study, runs = made_up_study(1)
    (name, one), *_ = runs.items()
    long = tuple(replace(run, series={"loss": tuple(number / 7 for number in range(200))}) for run in one.runs)
    page = page_of(study, {name: replace(one, runs=long)}, tmp_path)
    kept = json.loads(page.records[f"record-runs-{name}"])["runs"][0]
    assert kept["series"]["loss"][1] in (0.142857, 0.1429, 0.143)
    assert kept["values"] == to_dict(long[0])["values"]
    assert "rounded to" in page.words
    assert (tmp_path / "report.html").stat().st_size <= _fitted.LARGEST


def test_curves_that_are_far_too_large_are_left_out_and_the_page_says_so(room, tmp_path) -> None:
    room(80_000)
    study, runs = made_up_study(1)
    (name, one), *_ = runs.items()
    long = tuple(replace(run, series={"loss": (0.123,) * 1_000}) for run in one.runs)
    page = page_of(study, {name: replace(one, runs=long)}, tmp_path)
    assert json.loads(page.records[f"record-runs-{name}"])["runs"][0]["series"] == {}
    assert "are left out here" in page.words


def test_markup_in_a_text_stays_text(tmp_path) -> None:
    study, _ = made_up_study(1, data=HOSTILE)
    claim = study.claims[0]
    asked = tuple(replace(one, question=HOSTILE, problem=HOSTILE) for one in claim.comparisons)
    claim = replace(claim, title=HOSTILE, statement=HOSTILE, sources=(HOSTILE,), comparisons=asked, command=HOSTILE)
    page = page_of(replace(study, claims=(claim,)), {}, tmp_path)
    assert not [tag for tag, attributes in page.elements if tag == "img" or "onerror" in attributes]
    assert not [text for _, text in page.scripts if text.strip() == "alert(1)"]
    assert page.words.count(HOSTILE) >= 5


def test_the_same_study_gives_the_same_bytes(made, written, tmp_path) -> None:
    study_page(*made, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == written


def test_a_study_without_a_claim_is_refused_and_no_file_appears(made, tmp_path) -> None:
    with pytest.raises(InputError, match="expected a study with at least one claim that is answered, got none"):
        study_page(replace(made[0], claims=()), {}, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_claim_without_runs_has_its_verdict_and_no_figure(tmp_path) -> None:
    study, _ = made_up_study(1)
    page = page_of(study, {}, tmp_path)
    assert "supported" in page.words
    assert not [tag for tag, _ in page.elements if tag == "figure"]
