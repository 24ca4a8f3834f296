"""What does a call of one small layer cost in this process, and how many functions of Python does it go through?

`layer_call.py` runs this file by the interpreters that it compares; it prints one JSON object. The environments may
hold different versions of batchnorm, so nothing but torch, the layers and the standard library is imported.
"""

import gc
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import torch
from torch import nn

import batchnorm
from batchnorm.nn import BatchNorm2d

SHAPE = (8, 16, 4, 4)
ROUTES = ("native", "auto", "fused")
WARMUP_CALLS = 500
PACKAGE = str(Path(batchnorm.__file__).parent)


def layers() -> dict[str, nn.Module]:
    """Return what is compared: torch's module, and ours by each route."""
    return {"torch": nn.BatchNorm2d(SHAPE[1]), **{route: BatchNorm2d(SHAPE[1], route=route) for route in ROUTES}}


def calls() -> dict[str, dict[str, Callable[[], object]]]:
    """Return the calls in training, forward alone and with backward, by direction and layer."""
    x, dy = torch.randn(SHAPE, requires_grad=True), torch.randn(SHAPE)

    def both(layer: nn.Module) -> Callable[[], object]:
        inputs = (x, *layer.parameters())
        return lambda: torch.autograd.grad(layer(x), inputs, dy)

    made = layers()
    forward = {name: lambda layer=layer: layer(x) for name, layer in made.items()}
    return {"forward": forward, "both": {name: both(layer) for name, layer in made.items()}}


def microseconds(arms: dict[str, Callable[[], object]], blocks: int, count: int) -> dict[str, list[float]]:
    """Return the microseconds of a call, in blocks of `count` calls that take turns."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    for call in arms.values():
        for _ in range(WARMUP_CALLS):
            call()
    names = list(arms)
    for number in range(blocks):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            call = arms[name]
            start = time.perf_counter()
            for _ in range(count):
                call()
            found[name].append(1e6 * (time.perf_counter() - start) / count)
    return found


def passed_through(call: Callable[[], object]) -> dict[str, int]:
    """Count the calls of functions of this package, the different functions, and the files they stand in."""
    seen: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            seen.append((frame.f_code.co_filename, frame.f_code.co_qualname))

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return {"calls": len(seen), "functions": len(set(seen)), "files": len({file for file, _ in seen})}


def main() -> None:
    """Print what was found; the arguments are the number of blocks, of calls in each, and of threads."""
    blocks, count, threads = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    gc.disable()
    arms = calls()
    found = {name: microseconds(some, blocks, count) for name, some in arms.items()}
    counted = {name: passed_through(call) for name, call in arms["forward"].items() if name != "torch"}
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    print(json.dumps({"microseconds": found, "passed": counted, "package": PACKAGE, "versions": versions}))


if __name__ == "__main__":
    main()
