"""What do processes know of one that is lost, and which of them says so?"""

import os
import subprocess
import sys

import pytest
from torch.distributed import HashStore

from batchnorm.errors import InputError
from batchnorm.ranks import Failure, Joined, Place, RankError, code_of
from batchnorm.ranks._joined import Member, described

BROKEN = RuntimeError("Connection closed by peer")


@pytest.fixture(scope="module")
def dead() -> Member:
    """A process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return Member(Member.here().host, process.pid)


def group(store: HashStore, rank: int, *members: Member) -> Joined:
    one = Joined(store, Place(rank, len(members)), described, seconds=60.0)
    one.members = members
    return one


@pytest.fixture
def alive(monkeypatch) -> list[Joined]:
    """Three processes that live."""
    monkeypatch.setattr("batchnorm.ranks._joined.TURN", 0.1)
    monkeypatch.setattr("batchnorm.ranks._joined.PATIENCE", 0.1)
    store, here = HashStore(), Member.here()
    return [group(store, rank, here, here, here) for rank in range(3)]


def test_the_first_process_speaks_of_what_another_failed_of(alive) -> None:
    assert [alive[1].may_speak(own=True), alive[0].may_speak(own=False)] == [False, True]


def test_another_one_speaks_where_the_first_does_not_and_only_one(alive) -> None:
    assert [alive[1].may_speak(own=False), alive[2].may_speak(own=False), alive[0].may_speak(own=False)] == [
        True,
        False,
        False,
    ]


def test_another_one_speaks_at_once_where_the_first_has_died(dead, monkeypatch) -> None:
    monkeypatch.setattr("batchnorm.ranks._joined.TURN", 1e9)
    one = group(HashStore(), 1, dead, Member.here())
    assert one.may_speak(own=False)


def test_another_one_speaks_of_its_own_failure_where_the_first_has_ended_well(alive) -> None:
    assert alive[0].finish() == {}
    assert alive[2].may_speak(own=True)


def test_a_process_that_is_dead_is_named_with_its_number(dead) -> None:
    one = group(HashStore(), 0, Member.here(), dead)
    assert f"rank 1 (process {dead.pid} on {dead.host}) has died without a word" in str(one.lost(BROKEN))


def test_a_process_that_lives_and_says_nothing_does_not_answer(alive) -> None:
    alive[1].lost(BROKEN)
    said = str(alive[0].lost(BROKEN))
    assert "rank 2" in said
    assert "does not answer" in said
    assert "rank 1" not in said


def test_a_failure_is_told_in_its_own_words_and_ends_the_others_with_its_code(alive) -> None:
    alive[2].fail(Failure("--data: unknown", 2))
    error = alive[0].lost(BROKEN)
    assert (error.code, str(error).startswith("rank 2: --data: unknown.")) == (2, True)


def test_what_ended_the_others_counts_more_than_that_they_were_stopped(alive) -> None:
    alive[1].fail(Failure("SIGTERM: stopped", 130))
    alive[2].fail(Failure("no memory"))
    assert alive[0].failures() == {2: Failure("no memory")}


def test_nothing_has_happened_where_all_live_or_were_stopped(alive) -> None:
    alive[1].fail(Failure("SIGINT: stopped", 130))
    assert alive[0].casualties() is None


def test_a_dead_process_is_a_casualty(dead) -> None:
    one = group(HashStore(), 0, Member.here(), dead)
    assert "has died" in str(one.casualties())


def test_a_process_on_another_machine_is_not_believed_dead() -> None:
    assert not Member("elsewhere", os.getpid()).has_died()


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("no"), 2), (RuntimeError("no"), 1), (KeyboardInterrupt(), 130), (RankError("no", code=2), 2)],
)
def test_the_exit_code_is_that_of_the_command_line(error: BaseException, code: int) -> None:
    assert code_of(error) == code
