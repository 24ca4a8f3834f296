"""Is what docs/study.md says of claims and records true?"""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from batchnorm.records import Study, StudyClaim, StudyComparison
from batchnorm.study import Claim, Run, Scope
from batchnorm.study._judged import judged
from batchnorm.study._own_claim import find_claim

from .drawn import run_of

PAGE = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8")


@pytest.fixture
def claim_file(tmp_path) -> Path:
    """The claim of the page, in a file as it says."""
    path = tmp_path / "group_norm.py"
    path.write_text(re.search(r"file: group_norm\.py -->\n```python\n(.*?)```", PAGE, re.S)[1], encoding="utf-8")
    return path


def test_a_claim_of_ones_own_is_at_most_forty_lines(claim_file) -> None:
    assert len(claim_file.read_text(encoding="utf-8").splitlines()) <= 40


def test_a_claim_of_ones_own_measures_what_it_compares(claim_file) -> None:
    claim = find_claim(str(claim_file)).claim()
    found = {arm: measured(claim, arm) for arm in ("batch", "group")}
    runs = [run_of(arm, seed, values=values) for arm, values in found.items() for seed in (0, 1)]
    assert judged(claim, runs, (0, 1)).headline.seeds == 2


def measured(claim: Claim, arm: str) -> dict[str, float]:
    options = {**claim.arm(arm).options, "lr": 0.1}
    run = Run(claim.id, arm, options, 0, Scope(1, 60, 1, test_images=60), "fashion-mnist-mini")
    return dict(claim.measure(run).values)


@pytest.mark.parametrize(
    ("kind", "heading"), [(Study, "of the study"), (StudyClaim, "of a claim"), (StudyComparison, "of a comparison")]
)
def test_the_page_names_every_field_of_the_json(kind, heading) -> None:
    table = PAGE.split(f"| {heading} | |\n")[1].split("\n\n")[0]
    named = re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines()))
    assert sorted(named) == sorted(field.name for field in fields(kind))
