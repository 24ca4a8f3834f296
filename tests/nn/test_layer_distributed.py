"""Two processes on one machine: a layer in DistributedDataParallel, beside torch's."""

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, it keeps the process group, whose threads may then abort the exit
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import batchnorm.nn as bn

PROCESSES = 2


def model(norm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), norm(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def train(norm, rank):
    """Three steps of SGD on this process's own images; the whole state afterwards."""
    net = DistributedDataParallel(model(norm))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(rank)
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.randn(5, 2, 6, 6, generator=generator)).square().mean().backward()
        optimizer.step()
    return {name: value.clone() for name, value in net.module.state_dict().items()}


def worker(rank, folder):
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # in this process alone; no other network is needed
    address = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=PROCESSES)
    try:
        torch.save((train(bn.BatchNorm2d, rank), train(nn.BatchNorm2d, rank)), f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddp")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1])  # where the new processes find this module
        mp.spawn(worker, args=(str(folder),), nprocs=PROCESSES)
    return [torch.load(folder / f"{rank}.pt") for rank in range(PROCESSES)]


@pytest.mark.parametrize("rank", range(PROCESSES))
def test_parameters_and_statistics_are_those_with_torchs_layer(states, rank):
    ours, torchs = states[rank]
    torch.testing.assert_close(ours, torchs)


def test_every_process_has_the_same_parameters(states):
    ours = [state[0] for state in states]
    for name in ("0.weight", "1.weight", "1.bias", "4.weight"):
        torch.testing.assert_close(ours[0][name], ours[1][name], rtol=0, atol=0)


def test_every_step_was_tracked(states):
    assert [state[0]["1.num_batches_tracked"].item() for state in states] == [3, 3]
