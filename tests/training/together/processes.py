"""What runs in each of several processes for the tests of trainings that they do together."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, it keeps the process group, whose threads may then abort the exit
from torch import Tensor

from batchnorm.records import EpochRecord, TrainResult
from batchnorm.runs import TrainConfig, TrainingInterrupted
from batchnorm.training import StepReport, Watcher, fit, resume

from ..conftest import FewImages
from . import nets


@dataclass
class Told(Watcher):
    """What a training said in one process, and what it came to."""

    losses: list[float] = field(default_factory=list)
    plain: list[float | None] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    result: TrainResult | None = None
    history: tuple[EpochRecord, ...] = ()
    state: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    seen: Any = None
    error: str = ""
    stop_after: int = 0

    def step(self, report: StepReport) -> None:
        self.losses.append(report.loss)
        self.plain.append(report.plain_loss)
        self.accuracies.append(report.accuracy)
        if len(self.losses) == self.stop_after:
            os.kill(os.getpid(), 2)

    def note(self, message: str) -> None:
        self.notes.append(str(message))


def train(
    options: dict[str, Any] | list[dict[str, Any]],
    *,
    net: str | None = None,
    images: tuple[int, int] = (120, 60),
    out: Path | None = None,
    stop_after: int = 0,
    epochs: int | None = None,
) -> Told:
    """Train a net of `nets`, or the config's, on a few images; with `out` a run there goes on if there is one.

    `epochs`: how many it is to have then.
    """
    rank = dist.get_rank() if dist.is_initialized() else 0
    mine = options[rank] if isinstance(options, list) else options
    told = Told(stop_after=stop_after if rank == 0 else 0)
    model = getattr(nets, net)(rank) if net else None
    source = FewImages(*images)
    try:
        if out is not None and (out / "config.toml").exists():
            trained = resume(out, model=model, source=source, watcher=told, epochs=epochs)
        else:
            config = TrainConfig(**{"threads": 1, "shift": 1, "val_fraction": 0.1, "lr": 0.05, **mine})
            trained = fit(config, model=model, source=source, watcher=told, out=out)
    except (Exception, TrainingInterrupted) as error:
        told.error = f"{type(error).__name__}: {error}"
        told.seen = getattr(model, "seen", None)
        return told
    told.result, told.history = trained.result, trained.history
    told.state = {name: value.clone() for name, value in trained.model.state_dict().items()}
    told.gradients = {name: one.grad.clone() for name, one in trained.model.named_parameters() if one.grad is not None}
    told.seen = getattr(trained.model, "seen", None)
    return told


def serve(rank: int, size: int, folder: str, asked: Any, told: Any) -> None:
    """Do what is asked with the other processes, one thing after the other, each in a group of its own."""
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # no other network is needed
    while (job := asked.get()) is not None:
        number, (args, kwargs) = job
        meeting = f"file://{folder}/{number}.meeting"
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
        torch.save(train(*args, **kwargs), f"{folder}/{number}-{rank}.pt")
        dist.destroy_process_group()
        told.put(rank)
    told.close()
    told.join_thread()
    os._exit(0)  # torch takes seconds to leave
