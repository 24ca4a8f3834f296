"""What two processes do that have been started by hand; each prints what it came to as JSON."""

import json
import sys
from pathlib import Path

import torch

from batchnorm.ranks import Ranks, one_per_machine_first, processes

CPU = torch.device("cpu")
LENGTHS = (0, 15, 16, 17, 40)
"""Around those that one message holds."""


def first_meeting() -> list[object]:
    with processes(CPU) as ranks:
        vector = torch.tensor([0.1, 1e16, 2.0**-40], dtype=torch.float64) * (1 + ranks.rank)
        told = ranks.from_first((lambda: b"only here") if ranks.first else None)
        return [ranks.rank, ranks.size, ranks.first, ranks.any(ranks.rank == 1), ranks.any(False), told.decode(),
                [value.hex() for value in ranks.sum(vector).tolist()],
                [of_length(ranks, length) for length in LENGTHS]]  # fmt: skip


def of_length(ranks: Ranks, length: int) -> list[list[float]]:
    """What is gathered where the first process has so many numbers and the second one more."""
    mine = torch.arange(length + ranks.rank, dtype=torch.float64) + 100 * ranks.rank
    return [one.tolist() for one in ranks.gather(mine)]


def second_meeting(file: Path) -> bool:
    with processes(CPU) as ranks, one_per_machine_first(ranks):
        there = file.exists()
        file.touch()
        return there


if __name__ == "__main__":
    sys.stdout.write(json.dumps([first_meeting(), second_meeting(Path(sys.argv[1]))]))
