"""What cannot work is refused in one message, whoever of the processes it is that finds out."""

import os
import subprocess
import sys

import pytest

from batchnorm.cli import main
from batchnorm.errors import InputError
from batchnorm.ranks import place_in
from tests.processes.launching import SMALL, torchrun

THERE = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
def test_an_environment_that_lacks_a_variable_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="by halves; expected RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, got only"):
        place_in({key: value for key, value in THERE.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RANK", "2"),
        ("RANK", "-1"),
        ("WORLD_SIZE", "two"),
        ("WORLD_SIZE", "0"),
        ("MASTER_PORT", "65536"),
        ("LOCAL_WORLD_SIZE", "3"),
        ("LOCAL_RANK", "1"),
    ],
)
def test_an_environment_that_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"the environment says {name}='{value}'; expected an integer from"):
        place_in({**THERE, name: value})


def command(*arguments: str, **environment: str) -> list[str]:
    """Run the command line in one process; return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "batchnorm", *arguments],
        env={**os.environ, **THERE, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (1, 2), done.stderr
    return done.stderr.splitlines()


@pytest.mark.slow
def test_a_process_that_does_not_come_is_named(free_port: str) -> None:
    (said,) = command("evaluate", "run", BATCHNORM_TIMEOUT="1", MASTER_PORT=free_port)
    assert "of 2 processes, rank 1 did not come within 1 s" in said


@pytest.mark.slow
def test_a_first_process_that_does_not_come_is_missed(free_port: str) -> None:
    (said,) = command("evaluate", "run", BATCHNORM_TIMEOUT="1", MASTER_PORT=free_port, RANK="1")
    assert f"rank 1 did not reach the first process at localhost, port {free_port}, within 1 s" in said


@pytest.mark.slow
def test_a_port_that_is_taken_is_named(taken_port: str) -> None:
    (said,) = command("evaluate", "run", BATCHNORM_TIMEOUT="1", MASTER_PORT=taken_port)
    assert f"cannot meet at localhost, port {taken_port}, which another program uses" in said


@pytest.mark.slow
def test_a_program_that_is_not_torch_is_not_waited_for_for_ever(taken_port: str) -> None:
    (said,) = command("evaluate", "run", BATCHNORM_TIMEOUT="1", MASTER_PORT=taken_port, RANK="1")
    assert f"cannot meet at localhost, port {taken_port}" in said


def test_a_patience_that_is_no_number_is_refused(monkeypatch, capsys) -> None:
    for name, value in {**THERE, "BATCHNORM_TIMEOUT": "soon"}.items():
        monkeypatch.setenv(name, value)
    assert main(["evaluate", "run"]) == 2
    assert "BATCHNORM_TIMEOUT='soon'; expected seconds" in capsys.readouterr().err


def test_only_the_first_process_says_that_the_environment_is_wrong(monkeypatch, capsys) -> None:
    for name, value in {**THERE, "MASTER_PORT": "no", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert main(["evaluate", "run"]) == 2
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "--epochs: expected an integer of at least 1"),
        (["--device", "cuda:7"], "--device: "),
        (["--model", "no_such_module:net"], "--model: "),
        (["--data", "no-such-set"], "no-such-set"),
        (["--sync-bn", "--moments", "ghost:32"], "--sync-bn: "),
    ],
)
def test_a_mistake_of_all_is_told_once(tmp_path, arguments: list[str], words: str) -> None:
    with torchrun(2, "train", *SMALL, *arguments, "--out", str(tmp_path / "run")) as launched:
        _, said = launched.end()
    assert len(said) == 1, launched.errors
    assert words in said[0]
    assert "exitcode  : 2" in launched.errors
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_folder_that_is_not_empty_is_refused_by_the_first_for_all(tmp_path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with torchrun(2, "train", *SMALL, "--out", str(tmp_path)) as launched:
        _, said = launched.end()
    assert len(said) == 1, launched.errors
    assert "--out: expected a new or an empty folder" in said[0]
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.slow
def test_resume_of_nothing_is_told_once(tmp_path) -> None:
    with torchrun(2, "train", "--resume", str(tmp_path / "none")) as launched:
        _, said = launched.end()
    assert len(said) == 1, launched.errors
    assert "expected the folder of a run, found none" in said[0]
