"""How fast are folded models, beside the unfolded one and what other tools make of it?

`python benchmarks/fold_speed.py` times evaluation in turn (A B A B): every round runs each arm once. Before the clock
starts an arm runs once for nothing, for a model that serves has its weights in the cache as far as they fit. The ratio
is taken within each round, so that a machine that is slower for a while is so for both; its interval is a bootstrap's.
What has been measured is not measured again; the results lie in OUT/fold_speed.json.
"""

import argparse
import copy
import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import fold_speed_page
import measured
import peers
import torch
import zoo
from fold_speed_page import IN_JIT
from fold_tools import TOOLS, by_jit
from measured import Row
from paired import ratio, times
from torch import Tensor, nn

from batchnorm import tune_allocator
from batchnorm.bench import Arm, machine_load, threads
from batchnorm.files import atomic_write
from batchnorm.models import ConvBNNet, resnet20

BATCHES = (1, 16)
FORMATS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}
PEERS = ("fx fuse", "jit freeze")
SEED = 0


class Net(NamedTuple):
    """A net, and what it is given."""

    make: Callable[[], nn.Module]
    image: tuple[int, int, int]


def _torchvision(name: str) -> nn.Module:
    return peers.load("torchvision").models.get_model(name, weights=None)


NETS = {
    "resnet18": Net(lambda: _torchvision("resnet18"), (3, 128, 128)),
    "resnet50": Net(lambda: _torchvision("resnet50"), (3, 96, 96)),
    "mobilenetv2_100": Net(lambda: peers.load("timm").create_model("mobilenetv2_100"), (3, 128, 128)),
    "ConvBNNet": Net(ConvBNNet, (1, 28, 28)),
    "resnet20": Net(resnet20, (1, 28, 28)),
}


def prepare(net: Net, batch: int, layout: str) -> tuple[nn.Module, Tensor]:
    """Return a net in evaluation mode whose norms do something, and an input."""
    torch.manual_seed(SEED)
    model = net.make().eval().to(memory_format=FORMATS[layout])
    zoo.enliven(model, torch.randn(8, *net.image), SEED)
    return model, torch.randn(batch, *net.image).to(memory_format=FORMATS[layout])


def arms_of(model: nn.Module, x: Tensor) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what is to be timed, and which tools refused, and why."""
    arms, refused = {"unfolded": copy.deepcopy(model)}, {}
    with torch.no_grad():
        expected = model(x)
        for name in ("ours", *PEERS):
            try:
                made = TOOLS[name].fold(copy.deepcopy(model), x).model
                off = zoo.distance(made(x), expected)
            except Exception as error:  # whatever a tool raises is a result
                refused[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
                continue
            if off > 1e-2:
                refused[name] = f"its outputs are wrong by {off:.0e}"
            else:
                arms[name] = made
        if "ours" in arms and "jit freeze" in arms:
            arms[IN_JIT] = by_jit(copy.deepcopy(arms["ours"]), x).model
    return arms, refused


def time_paired(arms: dict[str, Any], x: Tensor, rounds: int, warmup: int) -> dict[str, list[float]]:
    """Return the milliseconds of each model, round by round."""
    timed = {
        name: Arm(lambda _, model=model: model(x), rewarm=lambda model=model: model(x)) for name, model in arms.items()
    }
    with torch.inference_mode():
        return times(timed, rounds, warmup)


def measure(name: str, batch: int, layout: str, rounds: int, warmup: int) -> Row:
    """Return the row of one case."""
    model, x = prepare(NETS[name], batch, layout)
    arms, refused = arms_of(model, x)
    milliseconds = time_paired(arms, x, rounds, warmup)
    row = {"net": name, "batch": batch, "layout": layout, "image": NETS[name].image, "load": machine_load()}
    row |= {"milliseconds": milliseconds, "refused": refused}
    best = min((arm for arm in PEERS if arm in arms), key=lambda arm: median(milliseconds[arm]), default=None)
    if "ours" in arms:
        row["best"], row["to unfolded"] = best, ratio(milliseconds["ours"], milliseconds["unfolded"])
        row["to best"] = None if best is None else ratio(milliseconds["ours"], milliseconds[best])
        if IN_JIT in arms:
            row["in jit"] = ratio(milliseconds[IN_JIT], milliseconds["jit freeze"])
        if "fx fuse" in arms:
            row["to fx"] = ratio(milliseconds["ours"], milliseconds["fx fuse"])
    return row


def write(folder: Path, now: dict[str, str], rows: dict[tuple[str, int, str], Row], command: str) -> None:
    """Write both files."""
    cases = itertools.product(NETS, BATCHES, FORMATS)
    ordered = [rows[case] for case in cases if case in rows]
    head = measured.write(folder / "fold_speed.json", now, ordered, command)
    with atomic_write(folder / "fold_speed.md", "w") as file:
        file.write(fold_speed_page.page(head, ordered))


def main() -> None:
    """Measure what is missing, and write after each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", help="names with commas between them; all without it", default=",".join(NETS))
    parser.add_argument("--batches", type=int, nargs="+", choices=BATCHES, default=BATCHES)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--warmup", type=int, default=5, help="rounds that do not count: torch.jit compiles in them")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--untuned", action="store_true", help="leave the allocator as it is")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--again", action="store_true", help="also what was measured before")
    given = parser.parse_args()
    nets = given.nets.split(",")
    if unknown := {*nets} - {*NETS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; nets are {', '.join(NETS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # of tracers, and of what is to go from torch
    now = measured.conditions(given.threads) | {
        "allocator": "as it is" if given.untuned else str(tune_allocator()).rstrip("."),
        "rounds": str(given.rounds),
    }
    command = f"python benchmarks/fold_speed.py --threads {given.threads}{' --untuned' if given.untuned else ''}"
    path = given.out / "fold_speed.json"
    rows = {(row["net"], row["batch"], row["layout"]): row for row in measured.read(path, now)}
    with threads(given.threads):
        for case in itertools.product(nets, given.batches, FORMATS):
            if given.again or case not in rows:
                rows[case] = measure(*case, given.rounds, given.warmup)
                write(given.out, now, rows, f"{command} --rounds {given.rounds} --warmup {given.warmup}")
            print(", ".join(map(str, case)), flush=True)


if __name__ == "__main__":
    main()
