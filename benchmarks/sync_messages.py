"""What does a synchronized norm cost over a plain one: how long does a message take, by its size, and a layer's call?

`python benchmarks/sync_messages.py` starts 2 processes on this machine that exchange over gloo, on the loopback device;
`--processes 4` starts more. It prints the microseconds of a message of 1 to 64 KiB from every process to all, and those
of a layer in training, forward and backward, beside the plain layer. The median of rounds in which all take turns, and,
in brackets, the least. It takes half a minute; nothing else should run meanwhile.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from batchnorm.nn import BatchNorm2d, SyncBatchNorm

KIB = (1, 4, 8, 16, 32, 64)
SHAPES = ((8, 64, 8, 8), (16, 64, 56, 56))


def message(kib: int) -> Callable[[], object]:
    """A message of float64 to all."""
    sent = torch.zeros(kib * 128, dtype=torch.float64)
    rows = sent.new_empty(dist.get_world_size(), len(sent))
    return partial(dist.all_gather, list(rows.unbind()), sent)


def step(layer: nn.Module, x: Tensor) -> Callable[[], object]:
    """Forward and backward."""
    return lambda: layer(x).backward(x.detach())


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """The microseconds of each call, in rounds; every process does the same in the same order."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 3):
        for name, call in calls.items():
            dist.barrier()
            start = perf_counter()
            call()
            if number >= 3:  # the first ones make buffers, and compile
                found[name].append((perf_counter() - start) * 1e6)
    return found


def work(rank: int, size: int, folder: str, rounds: int) -> None:
    """What each process does; the first one prints."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    calls = {f"message of {kib} KiB": message(kib) for kib in KIB}
    for shape in SHAPES:
        x = torch.randn(shape, requires_grad=True)
        calls |= {f"{kind.__name__} {shape}": step(kind(shape[1]), x) for kind in (BatchNorm2d, SyncBatchNorm)}
    found = measure(calls, rounds)
    if rank == 0:
        print(f"| {size} processes, one thread each, {rounds} rounds | microseconds |\n|---|---|")
        for name, times in found.items():
            print(f"| {name} | {median(times):.0f} ({min(times):.0f}) |")
    dist.destroy_process_group()


def main() -> None:
    """Read the command line, and start the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, args=(given.processes, folder, given.rounds), nprocs=given.processes)


if __name__ == "__main__":
    main()
