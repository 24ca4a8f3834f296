"""Commands that are interrupted (Ctrl-C) at random moments: one line, code 130, and nothing half-written."""

import pytest

from .scenarios import count_of

COUNT = 10


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["train", "recalibrate", "fold"])
def test_ctrl_c_is_one_line_at_any_moment_and_leaves_what_can_be_used(tmp_path, scenario: str) -> None:
    assert count_of("interrupted", scenario, tmp_path, COUNT) == f"{COUNT} interrupts"
