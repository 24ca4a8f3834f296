"""Processes that train together, started once for all tests of this folder."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from . import processes

Together = Callable[..., list[processes.Told]]


class Team:
    """Some processes that train when they are asked."""

    def __init__(self, size: int, folder: Path) -> None:
        context = mp.get_context("spawn")
        self.folder, self.numbers = folder, itertools.count()
        self.asked, self.told = [context.Queue() for _ in range(size)], context.Queue()
        self.started = [
            context.Process(target=processes.serve, args=(rank, size, str(folder), self.asked[rank], self.told))
            for rank in range(size)
        ]
        for process in self.started:
            process.start()

    def __call__(self, *args: object, **kwargs: object) -> list[processes.Told]:
        number = next(self.numbers)
        for asked in self.asked:
            asked.put((number, (args, kwargs)))
        for _ in self.started:
            self.told.get(timeout=200)
        return [
            torch.load(self.folder / f"{number}-{rank}.pt", weights_only=False) for rank in range(len(self.started))
        ]

    def end(self) -> None:
        for asked, process in zip(self.asked, self.started, strict=True):
            asked.put(None)
            process.join(20)
            process.kill()


@pytest.fixture(scope="session")
def teams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Together]]:
    """Give as many processes as are asked for; they wait for the next test."""
    made: dict[int, Team] = {}

    def team(size: int) -> Team:
        if size not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.syspath_prepend(Path(__file__).parents[3])  # where the new processes find this module
                made[size] = Team(size, tmp_path_factory.mktemp(f"team-of-{size}"))
        return made[size]

    yield team
    for one in made.values():
        one.end()


@pytest.fixture
def both(teams: Callable[[int], Together]) -> Together:
    """Train in two processes; give what each of them told."""
    return teams(2)
