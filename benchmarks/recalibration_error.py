"""How far are recalibrated statistics from the exact ones, and does the certificate tell?

`python benchmarks/recalibration_error.py` gives several nets random weights and random statistics, lets `recalibrate`,
torch's `update_bn` and fvcore's formula replace the statistics with the same loaders, and compares all with an oracle:
a copy of the net in float64, in which norm after norm, in the order of their calls, gets the moments of its input over
the whole data, evaluated with what was set before. That is the definition, and slow.
"""

import argparse
import copy
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import peers
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from batchnorm import __version__, recalibrate
from batchnorm.data import Normalization, get
from batchnorm.models import MLP, ConvBNNet, PlainNet, resnet20
from batchnorm.records import Recalibration

BATCH_SIZES = (1, 2, 7, 64)
PIECE = 32
"""Images that the oracle reads at a time."""


class Statistics(NamedTuple):
    """Mean and variance per channel, in float64."""

    mean: Tensor
    var: Tensor


class Error(NamedTuple):
    """The largest over norms and channels: of a mean in sigmas, of a variance as |log| of the ratio."""

    mean: float
    var: float

    def __str__(self) -> str:
        return f"{self.mean:.1e} / {self.var:.1e}"


class Net(NamedTuple):
    """A net, and the images that it is to see."""

    make: Callable[[], nn.Module]
    channels: int
    size: int
    images: int


NETS = {
    "ConvBNNet": Net(ConvBNNet, 1, 28, 256),
    "resnet20": Net(resnet20, 1, 28, 256),
    "MLP": Net(lambda: MLP(depth=3), 1, 28, 256),
    "PlainNet, 50 norms": Net(lambda: PlainNet(depth=50, width=8), 1, 28, 256),
    "timm resnet18": Net(lambda: peers.load("timm").create_model("resnet18"), 3, 64, 130),
    "timm mobilenetv2_100": Net(lambda: peers.load("timm").create_model("mobilenetv2_100"), 3, 64, 130),
}


def stale(net: Net, seed: int) -> nn.Module:
    """Make a net with random weights, also those of its norms, and statistics that fit nothing."""
    torch.manual_seed(seed)
    model = net.make()
    for norm in norms(model).values():
        norm.running_mean.normal_(0, 3)
        norm.running_var.uniform_(0.01, 10)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.3)
    return model


def images(net: Net, count: int, seed: int) -> Tensor:
    """Return images of the bundled Fashion-MNIST, or noise where they have three channels."""
    if net.channels == 1:
        kept = get("fashion-mnist-mini").load("train").images[:count]
        return Normalization.of(kept).apply(kept)
    return torch.randn(count, net.channels, net.size, net.size, generator=torch.Generator().manual_seed(seed))


def norms(model: nn.Module) -> dict[str, nn.Module]:
    """Return all modules with running statistics, by name."""
    return {name: module for name, module in model.named_modules() if getattr(module, "running_mean", None) is not None}


def stored(model: nn.Module) -> dict[str, Statistics]:
    """Return what the norms hold."""
    return {
        name: Statistics(norm.running_mean.double(), norm.running_var.double()) for name, norm in norms(model).items()
    }


def moments(values: Tensor, correction: int) -> Statistics:
    """Return mean and variance of (N, C, *), in float64."""
    var, mean = torch.var_mean(values.double().transpose(0, 1).flatten(1), dim=1, correction=correction)
    return Statistics(mean, var)


class Enough(Exception):  # noqa: N818  # nothing is wrong
    """Leaves a forward behind the norm that it was about."""


@contextmanager
def watched(modules: dict[str, nn.Module], see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Show the input of each module before it is read."""
    handles = [
        module.register_forward_pre_hook(lambda _, args, name=name: see(name, args[0]))
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def order_of_calls(model: nn.Module, x: Tensor) -> list[str]:
    """Return the names of the norms as one evaluation calls them, each once."""
    called: list[str] = []
    with watched(norms(model), lambda name, _: called.append(name)):
        model(x)
    if len({*called}) != len(called):
        raise ValueError("the oracle knows only norms that are called once")
    return called


def oracle(model: nn.Module, x: Tensor, correction: int) -> dict[str, Statistics]:
    """Set norm after norm to the moments of its input over all of x, in float64."""
    twin = copy.deepcopy(model).double().eval()
    found = {}
    for name in order_of_calls(twin, x[:2].double()):
        norm = norms(twin)[name]
        pieces: list[Tensor] = []

        def see(_: str, values: Tensor, pieces: list[Tensor] = pieces) -> None:
            pieces.append(values)
            raise Enough

        with watched({name: norm}, see):
            for piece in x.split(PIECE):
                with suppress(Enough):
                    twin(piece.double())
        found[name] = moments(torch.cat(pieces), correction)
        norm.running_mean.copy_(found[name].mean)
        norm.running_var.copy_(found[name].var)
    return found


def one_training_forward(model: nn.Module, x: Tensor, dtype: torch.dtype) -> dict[str, Statistics]:
    """Return the biased moments by which each norm normalizes when all of x is one batch in training mode."""
    found = {}

    def see(name: str, values: Tensor) -> None:
        found[name] = moments(values, 0)

    twin = copy.deepcopy(model).to(dtype).train()
    with watched(norms(twin), see):
        twin(x.to(dtype))
    return found


def by_update_bn(model: nn.Module, batches: list[Tensor]) -> None:
    """Let torch replace the statistics."""
    update_bn(batches, model)


def by_fvcore_formula(model: nn.Module, batches: list[Tensor]) -> None:
    """E[x**2] - E[x]**2 of the inputs, norms in training mode: a running average weighted by count, in float32."""
    sums = {
        name: [0, torch.zeros_like(n.running_mean), torch.zeros_like(n.running_var)] for name, n in norms(model).items()
    }

    def see(name: str, values: Tensor) -> None:
        flat = values.transpose(0, 1).flatten(1)
        var, mean = torch.var_mean(flat, dim=1, correction=0)
        if flat.shape[1] == 1:
            raise ValueError("one value per channel")
        seen, mean_so_far, square_so_far = sums[name]
        seen += flat.shape[1]
        share = flat.shape[1] / seen
        mean_so_far += share * (mean - mean_so_far)
        square_so_far += share * (var + mean.square() - square_so_far)
        sums[name][0] = seen

    model.train()
    with watched(norms(model), see):
        for batch in batches:
            model(batch)
    for name, norm in norms(model).items():
        _, mean, square = sums[name]
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(square - mean.square())


def error(found: dict[str, Statistics], expected: dict[str, Statistics]) -> Error:
    """Return how far they lie apart; a variance that is not positive is infinitely far."""
    worst = Error(0.0, 0.0)
    for name, (mean, var) in expected.items():
        shift = (found[name].mean - mean).abs() / var.sqrt()
        ratio = (found[name].var / var).log().abs().nan_to_num(nan=torch.inf)
        worst = Error(max(worst.mean, float(shift.max())), max(worst.var, float(ratio.max())))
    return worst


def error_or_refusal(
    model: nn.Module, batches: list[Tensor], expected: dict[str, Statistics], replace: Callable[..., object]
) -> str:
    """Return the error after `replace`, of a copy of the model, or that it cannot be done with such batches."""
    twin = copy.deepcopy(model)
    try:
        replace(twin, batches)
    except ValueError as refusal:
        if "per channel" not in str(refusal):
            raise
        return "refused"
    return str(error(stored(twin), expected))


def residual(record: Recalibration) -> str:
    """Return what the certificate measured."""
    certificate = record.certificate
    if certificate is None or certificate.residual_mean is None or certificate.residual_var is None:
        return "none"
    return str(Error(certificate.residual_mean, certificate.residual_var))


class Rows(NamedTuple):
    """The lines of the four tables."""

    unbiased: list[str]
    biased: list[str]
    limits: list[str]
    residuals: list[str]


def compare(name: str, net: Net, count: int, seed: int, rows: Rows) -> None:
    """Add the lines of one net."""
    model, x = stale(net, seed), images(net, count, seed)
    unbiased, one = oracle(model, x, 1), one_training_forward(model, x, torch.float64)
    single = error(one_training_forward(model, x, torch.float32), one)
    double = copy.deepcopy(model).double()
    recalibrate(double, x.double().split(7), method="exact", tolerance=1e-9)
    rows.limits.append(f"| {name} | {single} | {error(stored(double), unbiased)} | {error(oracle(model, x, 0), one)} |")
    print(f"{name}: {len(unbiased)} norms", end="", flush=True)
    start = time.perf_counter()
    for batch_size in BATCH_SIZES:
        batches = list(x.split(batch_size))
        exact, biased, average = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
        record = recalibrate(exact, batches, method="exact")
        recalibrate(biased, batches, method="exact", variance="biased")
        found = error(stored(exact), unbiased)
        others = [error_or_refusal(model, batches, unbiased, other) for other in (by_update_bn, by_fvcore_formula)]
        row = f"| {name} | {batch_size} |"
        try:
            rough = recalibrate(average, batches, method="average", certify=True)
            averaged = str(error(stored(average), unbiased))
            rows.residuals.append(f"{row} average | {residual(rough)} | {averaged} |")
        except ValueError:
            averaged = "refused"
        rows.unbiased.append(f"{row} {found} | {averaged} | {others[0]} | {others[1]} |")
        rows.biased.append(f"{row} {error(stored(biased), one)} |")
        rows.residuals.append(f"{row} exact | {residual(record)} | {found} |")
    print(f", {record.samples} images, depth {record.depth}, {time.perf_counter() - start:.0f} s")
    for note in record.notes:
        print(f"  {note}")


TITLES = Rows(
    [
        "Against the float64 oracle, unbiased variance\n",
        "| net | batch size | exact | average | update_bn | fvcore's formula |",
        "|---|---|---|---|---|---|",
    ],
    [
        'Against one float64 forward of all data in training mode, `variance="biased"`\n',
        "| net | batch size | exact |",
        "|---|---|---|",
    ],
    [
        "What float32 costs: the same forward in float32 against float64; exact of the net in float64 (batch size 7) "
        "against the oracle; the oracle, biased, against the forward\n",
        "| net | float32 forward | exact in float64 | oracle |",
        "|---|---|---|---|",
    ],
    [
        "The certificate's residual beside the true error, unbiased variance\n",
        "| net | batch size | method | residual | true error |",
        "|---|---|---|---|---|",
    ],
)


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS), metavar="NET")
    parser.add_argument("--images", type=int, help="instead of 256, and 130 for the larger nets of timm")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    versions = f"batchnorm {__version__}, torch {torch.__version__}, timm {peers.load('timm').__version__}"
    print(f"{versions}, python {platform.python_version()}, 1 thread, float32, seed {given.seed}\n")
    rows = Rows([], [], [], [])
    with torch.no_grad():
        for name in given.nets:
            compare(name, NETS[name], given.images or NETS[name].images, given.seed, rows)
    for title, lines in zip(TITLES, rows, strict=True):
        print("\n" + "\n".join([*title, *lines]))


if __name__ == "__main__":
    main()
