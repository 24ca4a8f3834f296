"""How fast is what was exported, folded beforehand or not?

`python benchmarks/shipping.py` exports public nets by the ways of `exporters.py` and compiles them, each as it is and
after `batchnorm.fold`, and times one image in turn (A B A B), as `fold_speed.py` does: every round runs each arm once,
and ratios are taken within a round. It prints a page and takes some four minutes, most of them exporting and compiling;
nothing else should run meanwhile.
"""

import argparse
import copy
import platform
import shlex
import sys
from collections.abc import Callable
from typing import Any

import onnxruntime
import peers
import torch
import zoo
from accuracy import processor
from exporters import export, quietly
from fold_speed import time_paired
from paired import ratio_text, spread
from torch import Tensor, nn

from batchnorm import __version__, fold, tune_allocator
from batchnorm.bench import machine_load

SIZE, SEED, WARMUP = 224, 0, 5
NETS = ("torchvision/resnet18", "timm/resnetv2_18", "timm/levit_128s")
"""A norm behind every convolution; norms before them; norms behind linear layers."""
WAYS = ("PyTorch", "ONNX", "ONNX, TorchScript-based", "TorchScript", "torch.compile")
TITLE = """\
# Speed of what was exported, unfolded and folded

Output of `benchmarks/shipping.py`: one image of 224x224, milliseconds, median (quartiles) over the rounds, all arms of
a net in turn. The ratio is the median of the rounds' ratios with a bootstrap's 95 % interval; under 1 the folded model
is faster. ONNX runs in ONNX Runtime; "PyTorch" is the model itself.
"""
Run = Callable[[Tensor], Any]


def prepare(name: str) -> tuple[nn.Module, Tensor]:
    """Return a net in evaluation mode whose norms do something, and an image."""
    torch.manual_seed(SEED)
    library, _, member = name.partition("/")
    if library == "timm":
        model = peers.load("timm").create_model(member)
    else:
        model = peers.load("torchvision").models.get_model(member, weights=None)
    zoo.enliven(model.eval(), torch.randn(4, 3, SIZE, SIZE), SEED)
    return model, torch.randn(1, 3, SIZE, SIZE)


def made(way: str, model: nn.Module, x: Tensor) -> Run:
    """Return what is called in a way."""
    if way == "PyTorch":
        return model
    if way == "torch.compile":
        compiled = torch.compile(model)
        with quietly(), torch.inference_mode():  # as `time_paired` calls it, or it would be compiled once more
            compiled(x)
        return compiled
    return export(way, model, x).run


def rows(name: str, rounds: int) -> list[str]:
    """Export one net in all ways, time it, and return a row for each way."""
    model, x = prepare(name)
    folded = copy.deepcopy(model)
    fold(folded, x)
    arms = {(way, net is folded): made(way, net, x) for way in WAYS for net in (model, folded)}
    found = time_paired(arms, x, rounds, WARMUP)
    return [row(name, way, found[way, False], found[way, True]) for way in WAYS]


def row(name: str, way: str, plain: list[float], folded: list[float]) -> str:
    """Return a row of the table."""
    return f"| {name} | {way} | {spread(plain)} | {spread(folded)} | {ratio_text(folded, plain)} |"


@torch.no_grad()
def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--nets", nargs="+", default=NETS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tune_allocator()
    load = machine_load()
    lines = ["| net | way | unfolded, ms | folded, ms | folded / unfolded |", "|---|---|---|---|---|"]
    for name in given.nets:
        lines += rows(name, given.rounds)
        print(name, file=sys.stderr, flush=True)
    versions = f"batchnorm {__version__}, torch {torch.__version__}, onnxruntime {onnxruntime.__version__}"
    others = ", ".join(f"{name} {peers.load(name).__version__}" for name in ("timm", "torchvision"))
    print(TITLE)
    print(f"```\ncommand: python benchmarks/shipping.py {shlex.join(sys.argv[1:])}".rstrip())
    print(f"machine: {processor()}, {given.threads} threads, load before and after {load}, {machine_load()}")
    print(f"versions: {versions}, {others}, python {platform.python_version()}, n = {given.rounds} rounds\n```\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
