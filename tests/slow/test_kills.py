"""Commands that are killed before each step that they take on the disk (`kill -9`), and what is left then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = [
    "train",
    "train with all",
    "recalibrate",
    "recalibrate again",
    "recalibrate to a file",
    "fold",
    "unfold",
    "predict",
    "evaluate",
    "wiring",
    "bench",
    "data fetch",
]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_next_command_finds_all_that_was_promised(tmp_path, scenario: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.slow.killed", scenario, tmp_path],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    *faults, kills = said.stdout.splitlines() or [said.stderr]
    assert (faults, said.returncode) == ([], 0), said.stderr
    assert int(kills.removesuffix(" kills")) >= 2
