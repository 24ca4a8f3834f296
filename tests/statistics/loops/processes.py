"""What runs in a process of its own: a few steps of a checkpointed net, by two ranks."""

import os

import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, it keeps the process group, whose threads may then abort the exit
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from batchnorm.statistics import checkpoint_safe

from .nets import Kind

SIZE, STEPS, LR = 2, 3, 0.1


def batches(kind: Kind) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
    """For each step a batch for each rank."""
    every = kind.batches(SIZE * STEPS)
    return [every[start : start + SIZE] for start in range(0, len(every), SIZE)]


def train(rank: int, name: str, reentrant: bool, safe: bool) -> dict[str, torch.Tensor]:
    kind = Kind(name, 2)
    model = kind.classifier()
    if safe and name == "torch":
        checkpoint_safe(model)

    class Checkpointed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model

        def forward(self, x):
            return self.net[6:](checkpoint(self.net[:6], x, use_reentrant=reentrant))

    wrapped = DistributedDataParallel(Checkpointed())
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=LR)
    for both in batches(kind):
        x, labels = both[rank]
        optimizer.zero_grad()
        cross_entropy(wrapped(x.requires_grad_()), labels).backward()
        optimizer.step()
    return model.state_dict()


def work(rank: int, folder: str, cases: list[tuple[str, bool, bool]]) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # in this process alone; no other network is needed
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=SIZE)
    torch.save({case: train(rank, *case) for case in cases}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()
