"""Which statistics should a model have that was averaged over clients whose data differ?

`python benchmarks/federated_statistics.py` trains a small net on points around the centres of eight classes by FedAvg:
each client has classes of its own, and in each round all of them train the averaged model on their data for an epoch.
Three ways to average: the parameters alone, where the statistics stay those of the first client; all tensors of the
`state_dict`s alike; and `average_models`. Each way is run by itself, for its statistics are what the clients begin
with. At the end the model is judged on points of all classes, as it is and recalibrated on all clients' data, which
nobody has who needs FedAvg. Seeds are paired. It takes some minutes of one thread and writes a page.
"""

import argparse
import copy
import platform
import shlex
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F
from accuracy import processor
from t_interval import interval
from torch import Tensor, nn

from batchnorm import __version__, recalibrate
from batchnorm.files import atomic_write
from batchnorm.statistics import average_models

CLASSES, SIZE, SAMPLES, TEST = 8, 8, 200, 2_000
RATE, BATCH, ROUNDS = 0.05, 20, 8
CLIENTS = (2, 4)
SPREADS = (2.0, 4.0)
"""Standard deviations between the centres of the classes; the points around each have 1."""
TITLE = """\
# The statistics of a model that was averaged over clients

Output of `benchmarks/federated_statistics.py`, which says how. Test accuracy in percent, mean ± half of the 95 % t
interval over the seeds. "spread" is the standard deviation between the centres of the classes.
"""
Share = tuple[Tensor, Tensor]
Combine = Callable[[list[nn.Module]], nn.Module]


def parameters_alone(clients: list[nn.Module]) -> nn.Module:
    """Average what `parameters()` gives: the statistics are those of the first."""
    model = copy.deepcopy(clients[0])
    with torch.no_grad():
        for ours, *theirs in zip(model.parameters(), *(client.parameters() for client in clients), strict=True):
            ours.copy_(torch.stack(theirs).mean(0))
    return model


def all_tensors(clients: list[nn.Module]) -> nn.Module:
    """Average whatever a `state_dict` holds."""
    model, states = copy.deepcopy(clients[0]), [client.state_dict() for client in clients]
    model.load_state_dict({name: torch.stack([one[name].double() for one in states]).mean(0) for name in states[0]})
    return model


WAYS: dict[str, Combine] = {"parameters": parameters_alone, "state_dict": all_tensors, "average_models": average_models}


def make_net() -> nn.Module:
    """Return a perceptron with two norms."""
    layers = [nn.Linear(SIZE, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, CLASSES))


def points(centres: Tensor, labels: Tensor) -> Share:
    """Return points around the centres of their classes."""
    return centres[labels] + torch.randn(len(labels), SIZE), labels


def train(model: nn.Module, share: Share) -> nn.Module:
    """Return a copy of the model, trained for an epoch."""
    model = copy.deepcopy(model).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    for x, labels in zip(*(tensor.split(BATCH) for tensor in share), strict=True):
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return model


@torch.no_grad()
def accuracy(model: nn.Module, test: Share) -> float:
    """Return the percentage of right answers."""
    x, labels = test
    return 100 * float((model.eval()(x).argmax(1) == labels).double().mean())


def judge(seed: int, clients: int, spread: float) -> dict[str, float]:
    """Return what each way comes to, as it is and recalibrated."""
    torch.manual_seed(seed)
    centres, each = spread * torch.randn(CLASSES, SIZE), CLASSES // clients
    shares = [points(centres, number * each + torch.randint(each, (SAMPLES,))) for number in range(clients)]
    test, net = points(centres, torch.randint(CLASSES, (TEST,))), make_net()
    found = {}
    for name, combine in WAYS.items():
        model = net
        for _ in range(ROUNDS):
            model = combine([train(model, share) for share in shares])
        found[name] = accuracy(model, test)
        recalibrate(model, [torch.cat([x for x, _ in shares])])
        found[f"{name}, recalibrated"] = accuracy(model, test)
    return found


def rows(seeds: int) -> Iterator[str]:
    """Yield the table."""
    columns = [*WAYS, "average_models, recalibrated"]
    apart = ("average_models less parameters", "average_models less state_dict")
    yield f"| clients | spread | {' | '.join((*columns, *apart))} |\n|---{'|---' * (len(columns) + 3)}|\n"
    for clients, spread in product(CLIENTS, SPREADS):
        found = [judge(seed, clients, spread) for seed in range(seeds)]
        cells = [interval([one[column] for one in found]) for column in columns]
        for title in apart:
            ours, _, other = title.partition(" less ")
            cells.append(interval([one[ours] - one[other] for one in found]))
        yield f"| {clients} | {spread:g} | {' | '.join(cells)} |\n"


def main() -> None:
    """Train, judge, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="at least two")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/federated_statistics.md"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    said = f"command: python benchmarks/federated_statistics.py {shlex.join(sys.argv[1:])}".rstrip()
    versions = f"batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}"
    head = f"machine: {processor()}, 1 thread (nothing here is a time)\nversions: {versions}\nn = {given.seeds} seeds"
    table = "".join(rows(given.seeds))
    with atomic_write(given.out, "w") as file:
        file.write(f"{TITLE}\n```\n{said}\n{head}\n```\n\n{table}")


if __name__ == "__main__":
    main()
