"""What of a training is the same for any number of processes, and by how much does the rest differ?

`python benchmarks/many_processes.py` trains one net for 20 steps in 1, 2 and 4 processes on this machine, over gloo,
and compares each training with that of one process: the largest difference of the losses of the steps, and of what the
net holds at the end. The batches have 14 images, so that four processes have 4, 4, 3 and 3 of them. Rows in float64
tell whether the same is computed; rows in float32 how much rounding makes of it, beside the furthest of three trainings
of one process whose weights began 1e-7 or so away. It takes some minutes, writes a page, and measures no time.
"""

import argparse
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn
import torch.multiprocessing as mp
from accuracy import processor
from torch import Tensor, nn

from batchnorm import __version__
from batchnorm import nn as ours
from batchnorm.data import Split, get
from batchnorm.files import atomic_write
from batchnorm.models import ConvBNNet
from batchnorm.runs import TrainConfig
from batchnorm.training import StepReport, Watcher, fit

SIZES = (2, 4)
IMAGES, BATCH = 280, 14
NEARLY = "off by 1e-7 (of 3)"
SYNC = {"sync_bn": True}
EXACT, FUSED, DEFAULT = "float64, `--sync-bn`", "float32, `--sync-bn --route fused`", "float32, `--sync-bn`"
TITLE = """\
# A training by several processes

Output of `benchmarks/many_processes.py`, which says how: 20 steps of 14 images each, over gloo, compared with the
training by one process. "loss" is the largest difference of the losses of a step, "net" that of a number that the net
holds at the end, running statistics included. In float32 one process takes torch's own route for a net of this size,
whose moments have fewer digits than ours; several take ours. The second table says which is off where they differ.
"""


@dataclass(frozen=True)
class Case:
    """A training that is compared with itself in another number of processes."""

    name: str
    options: dict[str, Any]
    double: bool = True
    dropout: float = 0.0
    images: int = IMAGES
    batch: int = BATCH
    pools: bool = False


CASES = (
    Case(EXACT, SYNC),
    Case("float64, `--sync-bn --accumulate 3 --clip-norm 1`", {**SYNC, "accumulate": 3, "clip_norm": 1.0}),
    Case("float64, `--sync-bn --ema-decay 0.9`", {**SYNC, "ema_decay": 0.9}),
    Case("float64, no norms", {"norm": "none"}),
    Case("float32, `--sync-bn --route fused`, one step", {**SYNC, "route": "fused"}, double=False, images=BATCH),
    Case(FUSED, {**SYNC, "route": "fused"}, double=False),
    Case(DEFAULT, SYNC, double=False),
    Case("float32, `--sync-bn`, ConvBNNet, 64 images", SYNC, double=False, images=1280, batch=64, pools=True),
    Case("float64, norms not synchronized, `--bn-buffers rank0`", {}),
    Case("float64, norms not synchronized, `--bn-buffers mean`", {"bn_buffers": "mean"}),
    Case("float64, `--sync-bn`, dropout of 0.1", SYNC, dropout=0.1),
)


class Net(nn.Module):
    """Two convolutions with norms, without a max pool, which would take sides where rounding makes a difference."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        norm = nn.Identity if case.options.get("norm") == "none" else ours.BatchNorm2d
        self.net = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, stride=2), norm(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), norm(16), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(case.dropout), nn.Linear(16, 10)),
        )
        self.net.to(torch.float64 if case.double else torch.float32)

    def forward(self, images: Tensor) -> Tensor:
        """Compute in the dtype of the weights."""
        outputs: Tensor = self.net(images.to(self.net[0].weight.dtype))
        return outputs


class Images:
    """The first of the bundled images, as a source."""

    def __init__(self, count: int) -> None:
        self.bundled, self.count = get("fashion-mnist-mini"), count
        self.info = replace(self.bundled.info, name="few", train_size=count, test_size=count)

    def locate(self) -> Path | None:
        """Return where they lie."""
        return self.bundled.locate()

    def load(self, split: Any) -> Split:
        """Return as many as are wanted."""
        return self.bundled.load(split).subset(torch.arange(self.count))


@dataclass
class Seen(Watcher):
    """The losses of the steps, from their means."""

    means: list[float] = field(default_factory=list)

    def step(self, report: StepReport) -> None:
        """Keep the mean of an epoch's losses up to this step."""
        self.means.append(report.loss)

    def losses(self) -> Tensor:
        """Return the loss of each step, all of which have as many images."""
        means = torch.tensor(self.means, dtype=torch.float64)
        return torch.diff(means * torch.arange(1, len(means) + 1), prepend=torch.zeros(1))


def train(case: Case, *, nearly: int | None = None) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the losses of a training and what the net holds at its end; `nearly`: the seed by which it is put off."""
    torch.manual_seed(0)
    net = ConvBNNet(num_classes=10, in_channels=1, image_size=28) if case.pools else Net(case)
    if nearly is not None:
        generator = torch.Generator().manual_seed(nearly)
        with torch.no_grad():
            for parameter in net.parameters():
                off = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.copy_(parameter.double() + 1e-7 * off)
    given = {"epochs": 1, "batch_size": case.batch, "lr": 0.1, "shift": 1, "val_fraction": 0.0, "threads": 1}
    seen = Seen()
    trained = fit(TrainConfig(**{**given, **case.options}), model=net, source=Images(case.images), watcher=seen)
    return seen.losses(), {name: value.double() for name, value in trained.model.state_dict().items()}


def work(rank: int, size: int, folder: str) -> None:
    """Do all trainings in one of several processes."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    done = [train(case) for case in CASES]
    dist.destroy_process_group()
    torch.save(done, f"{folder}/{rank}.pt")


def in_processes(size: int) -> list[Any]:
    """Return what the trainings came to in the first of several processes; all others came to the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, args=(size, folder), nprocs=size)
        first, *others = [torch.load(f"{folder}/{rank}.pt") for rank in range(size)]
    for other in others:
        for (losses, state), (its_losses, its_state) in zip(first, other, strict=True):
            same = torch.equal(losses, its_losses)
            if not same or any(not torch.equal(value, its_state[name]) for name, value in state.items()):
                raise RuntimeError("the processes came to different bits")
    return list(first)


def difference(one: Any, *others: Any) -> str:
    """Return the largest difference of losses and of what the nets hold, from any of others, as two cells."""
    loss = max((one[0] - other[0]).abs().max().item() for other in others)
    held = max((value - other[1][name]).abs().max().item() for other in others for name, value in one[1].items())
    return f"{loss:.1e} | {held:.1e}"


def page() -> str:
    """Return the page of results."""
    alone = [train(case) for case in CASES]
    nearly = [[train(case, nearly=seed) for seed in range(3)] for case in CASES]
    several = {size: in_processes(size) for size in SIZES}
    columns = [f"{size} processes: {what}" for size in SIZES for what in ("loss", "net")]
    columns += [f"one process, {NEARLY}: {what}" for what in ("loss", "net")]
    lines = [f"| training | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for number, case in enumerate(CASES):
        others = [*([several[size][number]] for size in SIZES), nearly[number]]
        lines.append(f"| {case.name} | {' | '.join(difference(alone[number], *other) for other in others)} |")
    return "\n".join([*lines, "", *_from_float64(alone, several)])


def _from_float64(alone: list[Any], several: dict[int, list[Any]]) -> Iterator[str]:
    """Yield how far the losses in float32 are from those in float64: which of them is off where two differ?"""
    numbers = {case.name: number for number, case in enumerate(CASES)}
    exact = alone[numbers[EXACT]][0]
    yield f"| losses of 20 steps in float32, from those in float64 | one process | {' | '.join(map(str, SIZES))} |"
    yield "|---|---|" + "---|" * len(SIZES)
    for name in (DEFAULT, FUSED):
        done = [given[numbers[name]][0] for given in (alone, *several.values())]
        yield f"| {name} | {' | '.join(f'{(losses - exact).abs().max().item():.1e}' for losses in done)} |"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parent / "results" / "many_processes.md"
    parser.add_argument("-o", "--output", type=Path, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    versions = f"batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}"
    command = shlex.join(["python", "benchmarks/many_processes.py", *sys.argv[1:]])
    about = f"command: {command}\nmachine: {processor()} (nothing here is a time)\nversions: {versions}"
    table = page()
    with atomic_write(arguments.output, "w") as file:
        file.write(f"{TITLE}\n```\n{about}\n```\n\n{table}\n")
    print(table)


if __name__ == "__main__":
    main()
