"""What does a recalibration cost, in plain evaluation passes over the same loader, and in memory?

`python benchmarks/recalibration_cost.py` takes resnet20 and ConvBNNet, ours and with torch's norms, over images of the
bundled set; `--nets` takes others, torchvision's resnet50 over random images of 224 pixels among them, and `--device
cuda` a GPU, whose nets get their batches from the CPU's pinned memory.

A plain pass, `average`, and `exact` run in turn (A B C A B C); their seconds are divided by the plain pass's of the
same round. `exact` runs twice: as it is, and with a `forward_fn`, behind which somebody's code may stand, so that every
forward is completed; a model with a class of one's own costs the same. Memory is the peak of what lives at once in
storages that operators made, less that of a plain pass, as a share of what one plain pass makes in activations.
"""

import argparse
import os
import platform
import time
import weakref
from collections.abc import Callable
from statistics import median, quantiles

import peers
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from batchnorm import __version__, data, recalibrate, tune_allocator
from batchnorm.data import Batches, Normalization
from batchnorm.models import build

NETS = {"resnet20": "batchnorm", "resnet20, torch's norms": "torch", "ConvBNNet": "batchnorm"}
LARGE = "torchvision's resnet50"


def make_net(name: str, device: torch.device) -> nn.Module:
    """A net with random weights, in channels_last."""
    if name == LARGE:
        net = peers.load("torchvision.models").resnet50(weights=None)
    else:
        net = build(name.partition(",")[0], num_classes=10, in_channels=1, image_size=28, norm=NETS[name])
    channels_last: nn.Module = net.to(device, memory_format=torch.channels_last)
    return channels_last


def make_loader(name: str, images: int, batch_size: int, device: torch.device) -> list[Tensor]:
    """The first training images in batches; in memory, so that only the net's time is compared."""
    if name == LARGE:
        batches = [torch.randn(batch_size, 3, 224, 224).contiguous(memory_format=torch.channels_last)]
        batches *= images // batch_size
    else:
        split = data.get("fashion-mnist-mini").load("train")
        given = Batches(split, batch_size, Normalization.of(split.images), channels_last=True)
        batches = [inputs for inputs, _ in given][: images // batch_size]
    return [batch.pin_memory() for batch in batches] if device.type == "cuda" else batches


@torch.no_grad()
def plain_pass(net: nn.Module, loader: list[Tensor]) -> None:
    """Evaluate everything."""
    net.eval()
    device = next(net.parameters()).device
    for batch in loader:
        net(batch.to(device, non_blocking=True))


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """How long a call takes, a GPU's part included, and what it gives."""
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def measure(net: nn.Module, loader: list[Tensor], rounds: int) -> dict[str, list[float]]:
    """Each cost in plain passes, round by round."""
    found: dict[str, list[float]] = {"average": [], "worst exact round": [], "exact in all": [], "completed": []}
    for _ in range(rounds):
        plain, _ = seconds(lambda: plain_pass(net, loader))
        average, _ = seconds(lambda: recalibrate(net, loader))
        again, _ = seconds(lambda: plain_pass(net, loader))
        exact, record = seconds(lambda: recalibrate(net, loader, method="exact"))
        one = (plain + again) / 2
        completed, _ = seconds(lambda: recalibrate(net, loader, method="exact", forward_fn=completely))
        found["average"].append(average / one)
        found["completed"].append(completed / one)
        found["worst exact round"].append(max(r.seconds for r in record.rounds if r.kind != "average") / one)
        found["exact in all"].append(exact / one)
    return found


def completely(net: nn.Module, batch: Tensor) -> object:
    """A caller's own way to call the net, which is not left before its end."""
    return net(batch)


class Peak(TorchDispatchMode):
    """Counts the bytes of storages that operators make: all of them, and the most that live at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = self.made = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        # A view of the loader's memory, or the model's, takes none of its own.
        given = {
            tensor.untyped_storage()._cdata for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)
        }
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in given:
                self.count(tensor.untyped_storage())
        return result

    def count(self, storage: torch.UntypedStorage) -> None:
        """Count a storage until it is freed."""
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return
        self.known.add(key)
        self.now, self.made = self.now + size, self.made + size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self.free, key, size)

    def free(self, key: int, size: int) -> None:
        """A storage has gone."""
        self.known.discard(key)
        self.now -= size


def extra_memory(net: nn.Module, loader: list[Tensor], method: str) -> float:
    """The share of one batch's activations that recalibrating holds at its peak beyond a plain pass."""
    with Peak() as plain:
        plain_pass(net, loader[:1])
    with Peak() as ours:
        recalibrate(net, loader[:2], method=method)
    return (ours.most - plain.most) / plain.made


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=2560)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--nets", nargs="+", choices=[*NETS, LARGE], default=list(NETS), metavar="NET")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    given = parser.parse_args()
    tune_allocator()
    loaders = [make_loader(name, given.images, given.batch_size, given.device) for name in given.nets]
    batches = len(loaders[0])
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}")
    if given.device.type == "cuda":
        print(torch.cuda.get_device_name(given.device))
    print(f"{os.cpu_count()} processors, {torch.get_num_threads()} threads, {batches} batches of {given.batch_size}")
    print(f"medians and quartiles of n = {given.rounds} rounds, in plain evaluation passes\n")
    print(
        "| net | average | worst exact round | exact in all | exact, completed | memory, average | memory, exact |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, loader in zip(given.nets, loaders, strict=True):
        torch.manual_seed(0)
        net = make_net(name, given.device)
        measure(net, loader[:2], 1)  # compiles
        cells = []
        for values in measure(net, loader, given.rounds).values():
            low, _, high = quantiles(values, n=4) if len(values) > 1 else values * 3
            cells.append(f"{median(values):.2f} ({low:.2f} to {high:.2f})")
        cells += [f"{100 * extra_memory(net, loader, method):.2f} %" for method in ("average", "exact")]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
