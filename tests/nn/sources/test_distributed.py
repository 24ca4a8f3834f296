"""Two processes on one machine: a layer with a source in DistributedDataParallel, each with batches of its own."""

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

PROCESSES, STEPS = 2, 3
SOURCES = ["batch", "ghost:2", "renorm:2,1,4", "population", "population:none", "blend:0.25", "masked"]
pytestmark = pytest.mark.slow


class Net(nn.Module):
    """A convolution, a norm, with a mask where it takes one, and a head."""

    def __init__(self, source):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv1d(2, 4, 1), bn.BatchNorm1d(4, moments=source)
        self.head = nn.Linear(24, 3)

    def forward(self, x, mask):
        given = (mask,) if self.norm.moments.takes_mask else ()
        return self.head(self.norm(self.conv(x), *given).flatten(1))


def batches(rank):
    """What one process is given."""
    generator = torch.Generator().manual_seed(rank)
    for _ in range(STEPS):
        yield torch.randn(5, 2, 6, generator=generator), torch.rand(5, 6, generator=generator) < 0.7


def train(net, rank):
    """Some steps of SGD on this process's own batches; the whole state afterwards."""
    model = DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, mask in batches(rank):
        optimizer.zero_grad()
        model(x, mask).square().mean().backward()
        optimizer.step()
    return {name: values.clone() for name, values in net.state_dict().items()}


def by_hand(source):
    """The same in one process: gradients averaged, and the statistics those of the first, which DDP hands round."""
    nets = [Net(source) for _ in range(PROCESSES)]
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in nets]
    for given in zip(*map(batches, range(PROCESSES)), strict=True):
        for own, first in zip(nets[1].buffers(), nets[0].buffers(), strict=True):
            own.copy_(first)
        for net, (x, mask) in zip(nets, given, strict=True):
            net.zero_grad()
            net(x, mask).square().mean().backward()
        for pair in zip(*(net.parameters() for net in nets), strict=True):
            mean = sum(one.grad for one in pair) / PROCESSES
            for one in pair:
                one.grad.copy_(mean)
        for optimizer in optimizers:
            optimizer.step()
    return [dict(net.state_dict()) for net in nets]


def worker(rank, folder):
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # in this process alone; no other network is needed
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES)
    try:
        torch.save({source: train(Net(source), rank) for source in SOURCES}, f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddp")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1])  # where the new processes find this module
        mp.spawn(worker, args=(str(folder),), nprocs=PROCESSES)
    return [torch.load(folder / f"{rank}.pt") for rank in range(PROCESSES)]


@pytest.mark.parametrize("source", SOURCES)
def test_every_process_comes_to_what_averaged_gradients_come_to(states, source):
    for found, wanted in zip(states, by_hand(source), strict=True):
        torch.testing.assert_close(found[source], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("source", SOURCES)
def test_every_process_has_the_same_parameters(states, source):
    first, second = (state[source] for state in states)
    for name in ("conv.weight", "norm.weight", "norm.bias", "head.weight"):
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
