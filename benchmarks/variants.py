"""What does it cost to normalize by other moments than the batch's?

`python benchmarks/variants.py` times a layer with each source of moments, in turn (A B A B) with the layer without one
and with torch's module: forward and backward in training. `Blend`, which is the plain norm in training, is timed in
evaluation, without gradients. Before every call torch's threads read through a buffer of twice the last-level cache,
and then the arm runs once on a small tensor, as in `batchnorm bench`. Ratios are taken within each round. It prints a
page, and takes about five minutes; nothing else should run meanwhile.
"""

import argparse
import math
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import NamedTuple

import torch
from accuracy import processor
from paired import ratio, ratio_text, spread, times
from torch import Tensor, nn

from batchnorm import __version__, tune_allocator
from batchnorm.bench import Arm, Sweep, last_level_cache, machine_load, threads
from batchnorm.nn import BatchNorm1d, BatchNorm2d

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}
GHOST_SIZES = {
    (8, 16, 4, 4): (4,),
    (128, 32, 28, 28): (32, 16),
    (32, 64, 112, 112): (16,),
    (128, 64, 56, 56): (32, 16),
}
"""The images, and the sizes of the slices that each batch is cut into, all smaller than the batch."""
SEQUENCES = (64, 256, 400)
WARMUP, TWIN_VALUES = 3, 1 << 19
TORCH, PLAIN = "torch's module", "batch"
WORDS = (TORCH, "by hand")
AIM = 1.02
TITLE = """\
# What it costs to normalize by other moments

Output of `benchmarks/variants.py`, which says how. Float32, no activation, `route="auto"`. Milliseconds, median
(quartiles) over the rounds, all arms of a tensor in turn. A ratio is the median of the rounds' ratios with the
bootstrap's interval of 95 %; above 1 the arm is slower. `batch` is our layer without a source, "torch's module" that of
`torch.nn`. "split loop" is `torch.cat([norm(part) for part in x.split(size)])` with torch's module, "by hand" is
`y[mask] = norm(x[mask])` with it, in the order (N, L, C).
"""
HEAD = "| tensor | layout | arm | ms | to `batch` | to torch's module |\n|---|---|---|---|---|---|"
Found = dict[str, list[float]]


class SplitLoop(nn.Module):
    """Ghost batch norm as it is usually written."""

    def __init__(self, norm: nn.Module, size: int) -> None:
        super().__init__()
        self.norm, self.size = norm, size

    def forward(self, x: Tensor) -> Tensor:
        """Normalize part by part."""
        return torch.cat([self.norm(part) for part in x.split(self.size)])


class ByHand(nn.Module):
    """The norm of valid places as it is usually written."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Take them out, normalize, put them back."""
        rows = x.transpose(1, 2)
        y = torch.zeros_like(rows)
        y[mask] = self.norm(rows[mask])
        return y.transpose(1, 2)


class Case(NamedTuple):
    """What is measured: layers on one tensor; those that `masked` names are given a mask."""

    shape: tuple[int, ...]
    layout: str
    layers: Mapping[str, nn.Module]
    masked: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name of the table that it belongs to."""
        if self.masked:
            return "Training, a quarter of the places is padding"
        return "Training" if self.layers[PLAIN].training else "Evaluation"


def cases() -> Iterator[Case]:
    """Yield all cases; layers are made when it is their turn."""
    for (shape, sizes), layout in product(GHOST_SIZES.items(), LAYOUTS):
        yield Case(shape, layout, trained(shape[1], sizes))
    for shape, layout in product(GHOST_SIZES, LAYOUTS):
        layers = {TORCH: nn.BatchNorm2d(shape[1]), **ours(BatchNorm2d, shape[1], "blend:0.1")}
        yield Case(shape, layout, {name: layer.eval() for name, layer in layers.items()})
    channels = SEQUENCES[1]
    layers = {TORCH: nn.BatchNorm1d(channels), **ours(BatchNorm1d, channels, "masked", "masked:none")}
    layers["by hand"] = ByHand(nn.BatchNorm1d(channels))
    yield Case(SEQUENCES, "nchw", layers, masked=("masked", "masked:none", "by hand"))


def trained(channels: int, sizes: tuple[int, ...]) -> dict[str, nn.Module]:
    """Return the layers of a training on images."""
    layers = {TORCH: nn.BatchNorm2d(channels), **ours(BatchNorm2d, channels)}
    for size in sizes:
        layers[f"ghost:{size}"] = BatchNorm2d(channels, moments=f"ghost:{size}")
        layers[f"split loop, {size}"] = SplitLoop(nn.BatchNorm2d(channels), size)
    return layers | ours(BatchNorm2d, channels, "renorm", "population", "population:none")


def ours(kind: Callable[..., nn.Module], channels: int, *texts: str) -> dict[str, nn.Module]:
    """Return our layer without a source, and with each of those."""
    return {text: kind(channels, moments=text) for text in (PLAIN, *texts)}


def padded(shape: tuple[int, ...]) -> Tensor:
    """Return a mask (N, L) of sequences of half the length to all of it: a quarter of the places is padding."""
    count, length = shape[0], shape[-1]
    lengths = torch.linspace(length / 2, length, count).round()
    return torch.arange(length) < lengths[:, None]


def small(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of few values that go the same way: the same slices, the same kernels, in threads."""
    count, channels, *spatial = shape
    side = math.ceil((TWIN_VALUES / count / channels) ** (1 / len(spatial)))
    return (count, channels, *(min(side, size) for size in spatial))


def calls(case: Case, shape: tuple[int, ...]) -> dict[str, Callable[[], object]]:
    """Return a call of each layer: in training with its backward, in evaluation without gradients."""
    generator = torch.Generator().manual_seed(0)
    x, dy = (torch.randn(shape, generator=generator).contiguous(memory_format=LAYOUTS[case.layout]) for _ in range(2))
    x = x.mul_(1.5).add_(0.5).requires_grad_()
    mask = padded(shape) if case.masked else None

    def call(name: str) -> object:
        layer = case.layers[name]
        given = (x, mask) if name in case.masked else (x,)
        if layer.training:
            return torch.autograd.grad(layer(*given), (x, *layer.parameters()), dy)
        with torch.no_grad():
            return layer(*given)

    return {name: partial(call, name) for name in case.layers}


def measure(case: Case, rounds: int, sweep: Callable[[], object]) -> Found:
    """Return the milliseconds of each arm, round by round."""
    timed, warm = calls(case, case.shape), calls(case, small(case.shape))
    arms = {name: Arm(lambda _, call=call: call(), rewarm=warm[name]) for name, call in timed.items()}
    return times(arms, rounds, WARMUP, sweep)


def rows(case: Case, found: Found) -> Iterator[str]:
    """Yield a row of the table for each arm."""
    size = "x".join(map(str, case.shape))
    for name, milliseconds in found.items():
        ratios = ["1" if name == other else ratio_text(milliseconds, found[other]) for other in (PLAIN, TORCH)]
        shown = name if name in WORDS or "," in name else f"`{name}`"
        yield f"| {size} | {case.layout} | {shown} | {spread(milliseconds, 3)} | {' | '.join(ratios)} |"


def reached(found: list[tuple[Case, Found]]) -> str:
    """Say how often a ghost norm beyond the cache is as fast as the plain one, as far as the intervals can tell."""
    beyond = [times for case, times in found if 4 * math.prod(case.shape) > last_level_cache()]
    ratios = [ratio(times[name], times[PLAIN]) for times in beyond for name in times if name.startswith("ghost")]
    by_interval, by_median = (sum(one[name] <= AIM for one in ratios) for name in ("low", "median"))
    return (
        f"Ghost on tensors beyond the cache: the interval of the ratio to `{PLAIN}` reaches {AIM} or less in "
        f"{by_interval} of {len(ratios)} cases, the median in {by_median}."
    )


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--shapes", nargs="+", help="such as 8x16x4x4; without it all", default=None)
    parser.add_argument("--untuned", action="store_true", help="leave the allocator as it is")
    given = parser.parse_args()
    allocator = "as it is" if given.untuned else str(tune_allocator()).rstrip(".")
    print(TITLE)
    print(f"```\ncommand: python benchmarks/variants.py {shlex.join(sys.argv[1:])}".rstrip())
    print(f"machine: {processor()}, {given.threads} threads, load before {machine_load()}")
    print(f"last-level cache: {last_level_cache() >> 20} MiB; allocator: {allocator}")
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}")
    print(f"n = {given.rounds} rounds\n```")
    title, measured, sweep = "", [], Sweep(last_level_cache())
    with threads(given.threads):
        for case in cases():
            if given.shapes and "x".join(map(str, case.shape)) not in given.shapes:
                continue
            if case.title != title:
                title = case.title
                print(f"\n## {title}\n\n{HEAD}")
            measured.append((case, measure(case, given.rounds, sweep)))
            print("\n".join(rows(*measured[-1])), flush=True)
    print(f"\n{reached(measured)}\n\nLoad after it: {machine_load()}")


if __name__ == "__main__":
    main()
