"""How fast is batch norm where channels lie side by side? The kernels against torch's own operators, in turn.

`python benchmarks/channels_last.py > benchmarks/results/channels_last.md` times a training call, forward and backward,
of every shape: ours, torch's, ours, torch's. A ratio is of two neighbours, so that it hardly depends on how busy the
machine is; the table gives medians and, in brackets, quartiles. In one thread it is the thread's own time that counts,
which others do not lengthen by waiting; but they take memory and caches away: nothing else should run.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median, quantiles

import torch
import torch.nn.functional as F
from accuracy import processor
from torch import Tensor

from batchnorm import __version__, tune_allocator
from batchnorm.functional import batch_norm, batch_norm_add

Call = Callable[["Arguments"], Tensor]


@dataclass(frozen=True)
class Row:
    """What is timed: a shape, a type, and the steps behind the norm."""

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    steps: str = "BN+ReLU"

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape))} | {str(self.dtype).removeprefix('torch.')} | {self.steps}"


IMAGES = [(32, 512, 14, 14), (128, 32, 28, 28)]
LARGE = [(32, 256, 28, 28), (32, 64, 112, 112), (32, 256, 56, 56)]
ROWS = [
    *(Row(shape, steps=steps) for shape in IMAGES for steps in ("BN", "BN+ReLU", "BN+SiLU", "BN+add+ReLU")),
    *(Row(shape, steps=steps) for shape in LARGE for steps in ("BN", "BN+ReLU")),
    *(Row(shape) for shape in [(128, 16, 32, 32), (32, 2048, 7, 7), (32, 24, 56, 56), (64, 33, 28, 28)]),
    *(Row((m, c), steps="BN") for m, c in [(256, 100), (4096, 10), (4096, 100), (4096, 512), (4096, 1000)]),
    *(Row(shape, dtype) for dtype in (torch.bfloat16, torch.float64) for shape in IMAGES),
]


@dataclass(frozen=True)
class Arguments:
    """The tensors of one call, those of images in channels_last."""

    x: Tensor
    dy: Tensor
    residual: Tensor | None
    weight: Tensor
    bias: Tensor
    mean: Tensor
    var: Tensor
    steps: str

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.mean, self.var, self.weight, self.bias))

    @property
    def leaves(self) -> list[Tensor]:
        """What has a gradient."""
        return [t for t in (self.x, self.weight, self.bias, self.residual) if t is not None]


def arguments(row: Row) -> Arguments:
    """Draw the tensors of a row."""
    channels = row.shape[1]
    form = torch.channels_last if len(row.shape) == 4 else torch.contiguous_format
    kind = torch.float64 if row.dtype is torch.float64 else torch.float32
    x, dy, residual = (torch.randn(row.shape).to(row.dtype).contiguous(memory_format=form) for _ in range(3))
    weight, bias = torch.rand(channels, dtype=kind).requires_grad_(), torch.randn(channels, dtype=kind).requires_grad_()
    mean, var = torch.zeros(channels, dtype=kind), torch.ones(channels, dtype=kind)
    added = residual.requires_grad_() if "add" in row.steps else None
    return Arguments(x.requires_grad_(), dy, added, weight, bias, mean, var, row.steps)


def ours(a: Arguments) -> Tensor:
    """One kernel for all steps, or two sweeps of one."""
    if a.residual is not None:
        return batch_norm_add(a.x, a.residual, *a, training=True, route="fused")
    activation = {"BN": None, "BN+ReLU": "relu", "BN+SiLU": "silu"}[a.steps]
    return batch_norm(a.x, *a, training=True, activation=activation, route="fused")


def torchs(a: Arguments) -> Tensor:
    """An operator a step."""
    y = F.batch_norm(a.x, *a, training=True)
    if a.residual is not None:
        y = y + a.residual
    return {"BN": lambda: y, "BN+SiLU": lambda: F.silu(y)}.get(a.steps, lambda: F.relu(y))()


def timed(call: Call, a: Arguments) -> tuple[float, float]:
    """Milliseconds forward and backward."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    y = call(a)
    middle = clock()
    torch.autograd.grad(y, a.leaves, a.dy)
    return 1e3 * (middle - start), 1e3 * (clock() - middle)


def spread(values: list[float], digits: int = 2) -> str:
    """The median, and in brackets the quartiles."""
    low, _, high = quantiles(values)
    return f"{median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def line(row: Row, seconds: float) -> str:
    """Time one row for so long, and write it as a line of the table."""
    a = arguments(row)
    for call in (ours, torchs) * 3:
        timed(call, a)
    rounds: list[tuple[tuple[float, float], tuple[float, float]]] = []
    end = time.perf_counter() + seconds
    while len(rounds) < 15 or time.perf_counter() < end:
        rounds.append((timed(ours, a), timed(torchs, a)))
    mine, theirs = zip(*rounds, strict=True)
    cells = [spread([times[way] for times in side]) for side in (mine, theirs) for way in (0, 1)]
    ratios = [spread([their[way] / my[way] for my, their in rounds]) for way in (0, 1)]
    both = spread([sum(their) / sum(my) for my, their in rounds])
    return f"| {row} | {' | '.join(cells)} | {' | '.join(ratios)} | **{both}** | {len(rounds)} |"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print("# Batch norm in channels_last and (N, C), against torch's own operators\n")
    print("Milliseconds of a training call, medians and quartiles; how many times as fast ours is, round by round.\n")
    print(f"```\ncommand: python benchmarks/channels_last.py {' '.join(sys.argv[1:])}".rstrip())
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}")
    threads = "1 thread, its own time" if options.threads == 1 else f"{options.threads} threads"
    print(f"machine: {processor()}, {threads}; {tune_allocator()}\n```\n")
    print("| shape | type | steps | ours forward | ours backward | torch's forward | torch's backward ", end="")
    print("| times as fast forward | backward | both | n |\n|" + "---|" * 11)
    for row in ROWS:
        print(line(row, options.seconds), flush=True)


if __name__ == "__main__":
    main()
