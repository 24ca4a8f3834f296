"""Commands that are interrupted (Ctrl-C) at random moments: one line, code 130, and nothing half-written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = 10


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["train", "recalibrate", "fold"])
def test_ctrl_c_is_one_line_at_any_moment_and_leaves_what_can_be_used(tmp_path, scenario: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.slow.interrupted", scenario, tmp_path, str(COUNT)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    *faults, interrupts = said.stdout.splitlines() or [said.stderr]
    assert (faults, said.returncode) == ([], 0), said.stderr
    assert interrupts == f"{COUNT} interrupts"
