"""Which commands need the group of processes that the environment names, and which are done by one alone?"""

import pytest

LEFT_BEHIND = {"RANK": "0"}
"""What another program has left, without the rest of a group."""


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["data", "list"]], ids=" ".join)
@pytest.mark.parametrize("rank", ["0", "many"])
def test_a_command_that_one_does_alone_needs_no_group(batchnorm, monkeypatch, arguments, rank) -> None:
    monkeypatch.setenv("RANK", rank)
    said = batchnorm(*arguments)
    assert (said.code, said.err) == (0, "")
    assert said.out


def test_where_there_are_others_the_first_alone_does_it(batchnorm, monkeypatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    said = batchnorm("--version")
    assert (said.code, said.out, said.err) == (0, "", "")


def test_a_command_of_all_does_need_it(batchnorm, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "0")
    said = batchnorm("evaluate", "run")
    assert said.code == 2
    assert "the environment names a group of processes by halves" in said.err
