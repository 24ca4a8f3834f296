"""How long does the first step of a training take, with and without compiled kernels in the cache folder?

`python benchmarks/first_step.py` takes ConvBNNet's first training step (batch 128, forward, backward, SGD) in fresh
processes: with torch's operators, with our kernels and an empty cache folder, and with our kernels and the folder that
the process before has filled. The three run in turn, so that the machine is the same for all.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from statistics import median

import torch

STEP = """
import sys, time, torch
from batchnorm.models import ConvBNNet
from batchnorm.nn import set_route

route, form = sys.argv[1], getattr(torch, sys.argv[2])
net = ConvBNNet(num_classes=10, in_channels=1, image_size=28).to(memory_format=form)
set_route(net, route)
images = torch.randn(128, 1, 28, 28).contiguous(memory_format=form)
labels = torch.randint(10, (128,))
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for _ in range(2):
    start = time.perf_counter()
    torch.nn.functional.cross_entropy(net(images), labels).backward()
    optimizer.step()
    optimizer.zero_grad()
    print(time.perf_counter() - start)
"""

FORMATS = ("contiguous_format", "channels_last")
ARMS = ("native", "fused, cold", "fused, warm")


def first_and_second_step(route: str, form: str, cache: str) -> tuple[float, float]:
    """Seconds of the first two steps of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", STEP, route, form],
        env={**os.environ, "BATCHNORM_CACHE": cache},
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    first, second = map(float, done.stdout.split())
    return first, second


def measure(form: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """The steps of every arm in every round."""
    found: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for arm in ARMS:  # the warm one finds what the cold one has kept
                found[arm].append(first_and_second_step(arm.split(",")[0], form, cache))
    return found


def main() -> None:
    """Print a table for each memory format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each arm")
    rounds = parser.parse_args().rounds
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numba", "llvmlite"))
    print(f"{libraries}, python {platform.python_version()}, {torch.get_num_threads()} threads, n = {rounds}")
    print("\n| layout | arm | first step, s | later than native, s | second step, s |\n|---|---|---|---|---|")
    for form in FORMATS:
        found = measure(form, rounds)
        base = median(first for first, _ in found["native"])
        for arm, steps in found.items():
            firsts, seconds = zip(*steps, strict=True)
            words = f"{median(firsts):.2f} ({min(firsts):.2f} to {max(firsts):.2f})"
            print(f"| {form} | {arm} | {words} | {median(firsts) - base:+.2f} | {median(seconds):.3f} |")


if __name__ == "__main__":
    main()
