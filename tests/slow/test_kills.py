"""Commands that are killed before each step that they take on the disk (`kill -9`), and what is left then."""

import pytest

from .scenarios import count_of

SCENARIOS = [
    "train",
    "train with all",
    "train and keep the best",
    "train for longer",
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
    kills = count_of("killed", scenario, tmp_path)
    assert int(kills.removesuffix(" kills")) >= 2
