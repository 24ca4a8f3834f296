"""What do processes tell each other that have been started together?"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from batchnorm.errors import InputError
from batchnorm.ranks import Ranks, on, processes
from tests.ranks.members import LENGTHS


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> list:
    """What each of two processes said that were started by hand, without torchrun."""
    with socket.create_server(("", 0)) as server:
        port = str(server.getsockname()[1])
    file = tmp_path_factory.mktemp("machine") / "fetched"
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    started = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("members.py")), str(file)],
            env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank), "BATCHNORM_TIMEOUT": "60"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    return [json.loads(process.communicate(timeout=120)[0]) for process in started]


def test_each_process_knows_its_rank(said) -> None:
    assert [one[0][:3] for one in said] == [[0, 2, True], [1, 2, False]]


def test_any_is_yes_if_one_says_yes_and_no_if_none_does(said) -> None:
    assert [one[0][3:5] for one in said] == [[True, False]] * 2


def test_all_hear_what_the_first_one_reads(said) -> None:
    assert [one[0][5] for one in said] == ["only here"] * 2


def test_the_sum_has_the_same_bits_in_all(said) -> None:
    sums = [[(value * 1 + value * 2).hex() for value in (0.1, 1e16, 2.0**-40)]] * 2
    assert [one[0][6] for one in said] == sums


def test_vectors_of_any_lengths_come_whole(said) -> None:
    expected = [[[*range(length)], [*range(100, 101 + length)]] for length in LENGTHS]
    assert [one[0][7] for one in said] == [expected] * 2


def test_one_process_of_a_machine_goes_ahead_in_a_second_meeting_too(said) -> None:
    assert [one[1] for one in said] == [False, True]


def test_one_process_alone_joins_nothing() -> None:
    with processes(torch.device("cpu")) as ranks:
        assert (ranks.size, torch.distributed.is_initialized()) == (1, False)


class Two(Ranks):
    """Two processes, of which the other one computes elsewhere."""

    def __init__(self, other: str, *, nccl: bool) -> None:
        super().__init__(None, torch.device("cpu"), "train")
        self.size, self.other, self._nccl = 2, other, nccl

    def gather(self, vector):
        mine = bytes(int(value) for value in vector.tolist())
        host = json.loads(mine)[0]
        return [vector, torch.tensor([*json.dumps([host, self.other]).encode()], dtype=torch.float64)]


def test_a_cpu_and_a_gpu_do_not_train_together() -> None:
    with pytest.raises(
        InputError, match=r"device: .* expected cpu in all, or a GPU for each, got cpu in rank 0, cuda:0"
    ):
        on(Two("cuda:0", nccl=False), torch.device("cpu"))


def test_two_processes_do_not_share_a_gpu_over_nccl() -> None:
    with pytest.raises(InputError, match=r"device: 2 processes on \S+ were given the one GPU cuda:1"):
        on(Two("cuda:1", nccl=True), torch.device("cuda:1"))
