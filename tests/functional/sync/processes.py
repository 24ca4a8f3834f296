"""Processes on one machine that share a batch: what they are asked, and how they are started."""

import os
import traceback
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, it keeps the process group, whose threads may then abort the exit
import torch.multiprocessing as mp

ROOT = Path(__file__).parents[3]
"""Where new processes find the modules of the tests."""


def work(rank, size, folder, questions, timeout, backend):
    """Join the others, answer one question after the other, and save what came of it."""
    torch.set_num_threads(1)
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ[name] = "lo"  # in this process alone; no other network is needed
    if torch.cuda.is_available():
        torch.cuda.set_device(rank % torch.cuda.device_count())
    where = {"init_method": f"file://{folder}/meeting", "rank": rank, "world_size": size}
    dist.init_process_group(backend, timeout=timedelta(seconds=timeout), **where)
    answers = {}
    try:
        for name, function, *args in questions:
            answers[name] = function(rank, size, *args)
    except Exception:
        answers["failed"] = traceback.format_exc()
    torch.save(answers, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def ask(size, folder, questions, timeout=120, backend="gloo"):
    """Every process's answers by name, in the order of ranks; None of one that died."""
    context = mp.get_context("spawn")
    job = (str(folder), questions, timeout, backend)
    started = [context.Process(target=work, args=(rank, size, *job)) for rank in range(size)]
    for process in started:
        process.start()
    for process in started:
        process.join(240)
    assert not any(process.is_alive() for process in started)
    paths = [folder / f"{rank}.pt" for rank in range(size)]
    answers = [torch.load(path, weights_only=False) if path.exists() else None for path in paths]
    assert [one["failed"] for one in answers if one is not None and "failed" in one] == []
    return answers


def raised(function, *args, **named):
    """The class and the text of what a call raises; empty if it raises nothing."""
    try:
        function(*args, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
