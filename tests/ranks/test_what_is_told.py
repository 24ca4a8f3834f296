"""What do processes tell each other? What several really do is in tests/statistics/test_ranks.py."""

import json

import pytest
import torch
import torch.distributed as dist

from batchnorm.ranks import Ranks, all_equal, all_hold, exchange

CPU = torch.device("cpu")


class Two:
    """Stands for the `Ranks` of two processes: the other one says what is known beforehand."""

    def __init__(self, text):
        self.other = torch.tensor([*text], dtype=torch.float64)

    def gather(self, vector):
        return [vector, self.other]


def test_every_process_gets_the_values_of_all_in_the_order_of_ranks():
    theirs = {"norms": ["b\u00e4"], "count": 2**63 + 1}
    assert exchange(Two(json.dumps(theirs).encode()), [1, None]) == [[1, None], theirs]


@pytest.mark.parametrize(("data", "same"), [(b"", True), (b"x", False)])
def test_processes_hold_the_same_if_the_sums_of_their_bytes_are_the_same(data, same):
    # The SHA-256 of no byte.
    nothing = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert all_hold(Two(nothing), data) is same


@pytest.mark.parametrize(
    ("one", "other", "equal"), [(0.0, -0.0, False), (torch.nan, torch.nan, True), (1.0, 1.0, True), (1.0, 2.0, False)]
)
def test_numbers_are_equal_if_their_bits_are(one, other, equal):
    vectors = [torch.tensor([value], dtype=torch.float64) for value in (one, other)]
    assert all_equal(vectors) is equal


def test_a_process_outside_of_the_group_is_told_what_not_to_call(monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda group: -1)
    monkeypatch.setattr(dist, "get_world_size", lambda group: -1)
    with pytest.raises(ValueError, match="Call measure only in the processes of the group"):
        Ranks(None, CPU, "measure")


class Echo(Ranks):
    """Two processes that say the same; what is sent is kept."""

    def __init__(self):
        super().__init__(None, CPU, "train")
        self.size, self._alone, self.sent = 2, False, []

    def _all(self, tensor):
        self.sent.append(tensor)
        return [tensor, tensor]


def test_the_sums_of_a_step_are_one_message():
    ranks = Echo()
    assert ranks.sum(torch.arange(16, dtype=torch.float64)).tolist() == [*range(0, 32, 2)]
    assert len(ranks.sent) == 1
