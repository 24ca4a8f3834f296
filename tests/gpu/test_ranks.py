"""Processes that share a recalibration, with their models on a GPU: over NCCL, and over gloo."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from batchnorm import recalibrate

from ..statistics import processes
from ..statistics.oracle import images, make, norms

ONE_GPU = {"nccl": 1, "gloo": 2}
"""How many processes one GPU takes: NCCL wants one for each."""
EVERY_GPU = [("nccl", count) for count in range(2, torch.cuda.device_count() + 1)]


def start(folder, size, backend, net, *, wrapped):
    """Recalibrate in several processes; what each of them came to."""
    context, job, gpus = mp.get_context("spawn"), ("share_out", ((net,), "alike", wrapped)), torch.cuda.device_count()
    started = [
        context.Process(target=processes.work, args=(rank, size, str(folder), *job, backend, f"cuda:{rank % gpus}"))
        for rank in range(size)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(300)
    return [torch.load(folder / f"{rank}.pt", weights_only=False)[net] for rank in range(size)]


@pytest.mark.usefixtures("full_float32")
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "DistributedDataParallel"])
@pytest.mark.parametrize(("backend", "size"), [*ONE_GPU.items(), *EVERY_GPU])
def test_ranks_agree_with_one_process(gpu, tmp_path, monkeypatch, backend, size, wrapped):
    monkeypatch.syspath_prepend(Path(__file__).parents[1])  # where the new processes find this module
    model = make("resnet20").to(gpu)
    record = recalibrate(model, images().split(5), method="exact")
    results = start(tmp_path, size, backend, "resnet20", wrapped=wrapped)
    for result in results:
        assert result["numbers"] == (30, result["numbers"][1], size, record.fingerprint, len(norms(model)))
        for name, norm in norms(model).items():
            mean, var = (result["state"][f"{name}.{what}"].double() for what in ("running_mean", "running_var"))
            sigma = norm.running_var.double().cpu().sqrt()
            assert ((mean - norm.running_mean.double().cpu()).abs() / sigma).max() <= 1e-6
            assert (var / sigma.square()).log().abs().max() <= 1e-6
            assert torch.equal(mean, results[0]["state"][f"{name}.running_mean"].double())
