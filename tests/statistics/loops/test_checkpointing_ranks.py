"""Activation checkpointing under DistributedDataParallel, in two processes."""

from itertools import product
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from torch.nn.functional import cross_entropy

from . import processes
from .nets import Kind
from .oracle import distance, moved, norms, state_of
from .processes import LR, SIZE

pytestmark = pytest.mark.slow  # two processes that import torch

CASES = [*product(["torch", "ours"], [True, False], [True]), ("torch", True, False), ("torch", False, False)]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each rank holds in the end, case by case, all from one start of two processes."""
    folder = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[3])  # where the new processes find this module
        mp.spawn(processes.work, (str(folder), CASES), nprocs=SIZE)
    return [torch.load(folder / f"{rank}.pt") for rank in range(SIZE)]


def by_hand(kind, times=1):
    """The states of both ranks: DDP begins a forward with rank 0's buffers, and averages the gradients."""
    twin = kind.twin(kind.classifier())
    optimizer = torch.optim.SGD(twin.parameters(), lr=LR)
    for both in processes.batches(kind):
        optimizer.zero_grad()
        (sum(cross_entropy(twin(x), labels) for x, labels in both) / SIZE).backward()
        optimizer.step()
    ranks = [[], []]
    for norm in norms(twin):
        state = state_of(norm)
        for calls in zip(norm.calls[::2], norm.calls[1::2], strict=True):
            after = [moved(state, [call] * times) for call in calls]
            state = after[0]
        for rank in range(SIZE):
            ranks[rank].append(after[rank])
    return ranks


def model_of(state):
    model = Kind("torch", 2).classifier()
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "non-reentrant"])
@pytest.mark.parametrize("name", ["torch", "ours"])
def test_the_statistics_of_each_rank_move_once_a_step(found, name, reentrant):
    right = by_hand(Kind(name, 2))
    for rank in range(SIZE):
        assert distance(model_of(found[rank][name, reentrant, True]), right[rank]) < 1e-12


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "non-reentrant"])
def test_without_help_they_move_twice(found, reentrant):
    right = by_hand(Kind("torch", 2), times=2)
    for rank in range(SIZE):
        assert distance(model_of(found[rank]["torch", reentrant, False]), right[rank]) < 1e-12
