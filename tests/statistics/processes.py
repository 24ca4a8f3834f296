"""What runs in a process of its own for the tests of several ranks."""

import os
import time

import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, it keeps the process group, whose threads may then abort the exit
from torch.nn.parallel import DistributedDataParallel

from batchnorm import recalibrate

from .oracle import images, make, picture

SHARDS = {
    "even": {1: [30], 2: [15, 15], 4: [8, 7, 8, 7]},
    "uneven": {1: [30], 2: [29, 1], 4: [3, 14, 1, 12]},
    "empty": {1: [30], 2: [0, 30], 4: [0, 20, 0, 10]},
}


class LoaderError(Exception):
    """Raised by one rank's loader."""


def shard(rank, size, kind):
    return images().tensor_split(size)[rank] if kind == "alike" else images().split(SHARDS[kind][size])[rank]


def batches(rank, size, kind, batch_size=5):
    mine = shard(rank, size, kind)
    return [*mine.split(batch_size)] if len(mine) else []


def share_out(nets, rank, size, kind, *, wrapped, device="cpu"):
    """The same for several nets, one after the other."""
    return {net: share_one_out(net, rank, size, kind, wrapped=wrapped, device=device) for net in nets}


def share_one_out(net, rank, size, kind, *, wrapped, device):
    """Recalibrate, each rank with its part and with other old statistics; the record's and the model's numbers."""
    model = make(net).to(device)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.add_(rank)
    whole = DistributedDataParallel(model, broadcast_buffers=False, init_sync=False) if wrapped else model
    record = recalibrate(whole, batches(rank, size, kind), method="exact")
    numbers = (record.samples, record.batches, record.ranks, record.fingerprint, record.certificate.settled)
    return {
        "numbers": numbers,
        "state": model.cpu().state_dict(),
        "notes": record.notes,
        "old": record.norms[0].old_mean,
    }


class Failing:
    """A loader that raises, or whose process dies, in a batch of a round."""

    def __init__(self, given, fail, read):
        self.given, self.fail, self.read, self.reads = given, fail, read, 0

    def __iter__(self):
        self.reads += 1
        for number, batch in enumerate(self.given):
            if self.reads == self.read and number == 1:
                self.fail()
            yield batch


def raise_error():
    raise LoaderError("disk of rank 1")


def die():
    os._exit(9)


def fail_on_one(net, rank, size, fail, read):
    """Recalibrate while rank 1 fails; what was raised here, how long it took, and whether the model is as before."""
    model = make(net)
    given = batches(rank, size, "even", 3)
    loader = Failing(given, fail, read) if rank == 1 else given
    before = picture(model)
    start = time.monotonic()
    try:
        recalibrate(model, loader, method="exact")
        raised = ""
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
    return {"raised": raised, "seconds": time.monotonic() - start, "same": picture(model) == before}


def ask_other_things(rank):
    """Other arguments on each rank."""
    model = make("mlp")
    try:
        recalibrate(model, batches(rank, 2, "even"), variance=("biased", "unbiased")[rank])
    except ValueError as error:
        return str(error)
    return ""


def refused_by_one(rank):
    """An argument that rank 0 alone gets wrong."""
    try:
        recalibrate(make("mlp"), batches(rank, 2, "even"), method=("exakt", "exact")[rank])
    except (ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def work(rank, size, folder, job, args, backend="gloo", device="cpu"):
    torch.set_num_threads(1)
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ[name] = "lo"  # in this process alone; no other network is needed
    if device != "cpu":
        torch.cuda.set_device(device)
        torch.backends.cudnn.allow_tf32 = False  # which keeps half of the digits
    dist.init_process_group(backend, init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    jobs = {
        "share_out": lambda nets, kind, wrapped: share_out(nets, rank, size, kind, wrapped=wrapped, device=device),
        "raise": lambda net, read: fail_on_one(net, rank, size, raise_error, read),
        "die": lambda net, read: fail_on_one(net, rank, size, die, read),
        "same shards": lambda: recalibrate(make("mlp"), images().roll(7 * rank, 0).split(10 - 3 * rank)).notes,
        "other things": lambda: ask_other_things(rank),
        "refused by one": lambda: refused_by_one(rank),
    }
    torch.save(jobs[job](*args), f"{folder}/{rank}.pt")
    dist.destroy_process_group()
