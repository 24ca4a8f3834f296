"""Whatever has happened to a file: it is read rightly, or refused in a few readable lines that name it."""

import random
from functools import cache
from pathlib import Path

import pytest
import torch

from batchnorm.errors import InputError

from .kinds import KINDS, Kind

pytestmark = pytest.mark.usefixtures("one_thread")

SEEDS = 20
"""Of each kind in the quick tests: 500 in all."""
LONGEST = 1200
"""Characters of a message, of five lines at most."""
NOT_FOR_USERS = ("alloc_cpu", "recursion depth", "Boolean value", "Storage size", "not supported between")


@cache
def whole(name: str) -> bytes:
    return KINDS[name].whole()


def outcome(kind: Kind, path: Path) -> object:
    """What a file is read as; None if it is refused in the right way."""
    try:
        return kind.read(path)
    except InputError as error:
        said = str(error)
        assert len(said) <= LONGEST, said
        assert said.count("\n") < 5, said
        assert all(letter.isprintable() or letter == "\n" for letter in said), repr(said)
        assert not any(words in said for words in NOT_FOR_USERS), said
        assert path.name in said or "the checkpoint" in said or "the run was started" in said, said
        return None


def same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def check(name: str, seed: int, folder: Path) -> None:
    kind, path = KINDS[name], folder / "run" / KINDS[name].name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(kind.damage(whole(name), random.Random(f"{name} {seed}")))  # noqa: S311 - no secret
    got = outcome(kind, path)
    if kind.is_sealed and got is not None:
        path.write_bytes(whole(name))
        assert same(got, kind.read(path))


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_file_is_read(name: str, tmp_path) -> None:
    kind, path = KINDS[name], tmp_path / "run" / KINDS[name].name
    path.parent.mkdir()
    path.write_bytes(whole(name))
    assert outcome(kind, path) is not None


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_rightly_or_refused_in_a_few_lines(name: str, tmp_path) -> None:
    for seed in range(SEEDS):
        check(name, seed, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", KINDS)
def test_many_damaged_files_are_read_rightly_or_refused_in_a_few_lines(name: str, tmp_path) -> None:
    for seed in range(SEEDS, 2000):
        check(name, seed, tmp_path)
