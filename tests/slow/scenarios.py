"""A scenario that runs in a process of its own, and what it says: a line for each fault, and how often it struck."""

import os
import subprocess
import sys
from pathlib import Path


def count_of(module: str, *arguments: object) -> str:
    """Run a scenario that must have no fault, and return its last line."""
    said = subprocess.run(
        [sys.executable, "-m", f"tests.slow.{module}", *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    *faults, count = said.stdout.splitlines() or [said.stderr]
    assert (faults, said.returncode) == ([], 0), said.stdout + said.stderr
    return count
