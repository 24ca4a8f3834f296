"""What should become of the running statistics where weights are averaged: averaged, copied, or measured anew?

`python benchmarks/ema_buffers.py` trains by the default options of `batchnorm train`, for each seed once: an average
takes no part in the training, so that one training carries those of all decays, each with the buffers of all policies.
After some epochs the bundled test images judge the net itself and each average. Seeds are paired: the averages of one
decay and seed have the same weights, and differ in nothing but the statistics. The training of `--check` is repeated
with the options of the command line, and all ends unless these come to the same losses. `law` is no option: it averages
the variances by the law of total variance. It takes less than a minute of one thread for a ConvBNNet, some five for a
resnet20, and writes a page; with `--kept`, what a seed came to is kept in a folder, and not made again.
"""

import argparse
import copy
import json
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean
from typing import NamedTuple, cast

import torch
from accuracy import processor
from t_interval import half_width, interval
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from batchnorm import __version__, data, recalibrate
from batchnorm.data import Batches, Normalization
from batchnorm.files import atomic_write
from batchnorm.models import build
from batchnorm.norms import find_norms
from batchnorm.records import EpochRecord
from batchnorm.runs import (
    RecalibrationImages,
    TrainConfig,
    augmentation_of,
    collect_outputs,
    evaluation_batches,
    loss_and_accuracy,
)
from batchnorm.training import StepReport, Watcher, fit
from batchnorm.training._optimizer import make_average

MODELS = ("ConvBNNet", "resnet20")
DECAYS = (0.99, 0.999)
EPOCHS = (1, 3, 6, 12)
"""After which of the 12 epochs the test images judge."""
POLICIES = ("average", "copy", "recalibrate")
LAW, ITSELF = "law", "the net itself"
IMAGES = 2_000
"""Images that `recalibrate` reads, as `train --ema-buffers recalibrate` does."""
TITLE = """\
# The statistics of averaged weights

Output of `benchmarks/ema_buffers.py`, which says how: the default options of `batchnorm train`, with an average of the
weights beside them. The averages of one row have the same weights and differ in nothing but the running statistics.
Mean ± half of the 95 % t interval over the seeds, on the 2,000 bundled test images. The decay rises from 0.1, to 0.99
behind step 890: in the first epochs, of 149 steps each, both decays give one average ("any").
"""


class Score(NamedTuple):
    """What the test images say of one net, and how far its statistics lie from those of its weights."""

    loss: float
    accuracy: float
    mean_apart: float
    log_var_apart: float


Scores = dict[tuple[float, int, str], Score]
"""By decay, epoch and policy."""


class Average:
    """The average of one decay, with the variances of the law of total variance beside it."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.model = cast(AveragedModel, make_average(net, decay))  # it gives None for a decay of 0 alone
        self.decay = decay
        self.variances = [norm.var.clone() for norm in find_norms(net)]

    def update(self, net: nn.Module) -> None:
        """Move the average by one step."""
        n = int(self.model.n_averaged)
        weight = 1 - min(self.decay, (1 + n) / (10 + n)) if n else 1.0
        pairs = zip(find_norms(self.model.module), find_norms(net), strict=True)
        for variance, (averaged, present) in zip(self.variances, pairs, strict=True):
            between = weight * (1 - weight) * (present.mean - averaged.mean).square()
            variance.lerp_(present.var, weight).add_(between)
        self.model.update_parameters(net)

    def with_buffers(self, policy: str, net: nn.Module, images: RecalibrationImages) -> nn.Module:
        """Return a copy of the average with the statistics of a policy."""
        made: nn.Module = copy.deepcopy(self.model.module)
        if policy == "copy":
            for ours, theirs in zip(made.buffers(), net.buffers(), strict=True):
                ours.copy_(theirs)
        elif policy == "recalibrate":
            recalibrate(made, images)
        elif policy == LAW:
            for norm, variance in zip(find_norms(made), self.variances, strict=True):
                norm.var.copy_(variance)
        return made


class Judge(Watcher):
    """Keeps the averages of a net that trains, and judges them."""

    def __init__(self, net: nn.Module, test: Batches, images: RecalibrationImages) -> None:
        self.net, self.test, self.images = net, test, images
        self.averages: list[Average] = []
        self.found: Scores = {}

    def step(self, report: StepReport) -> None:
        """Move the averages; they begin with the weights behind the first step."""
        self.averages = self.averages or [Average(self.net, decay) for decay in DECAYS]
        for average in self.averages:
            average.update(self.net)

    @torch.no_grad()
    def epoch(self, record: EpochRecord) -> None:
        """Judge whatever there is, by copies."""
        if record.epoch not in EPOCHS:
            return
        for average in self.averages:
            nets = {name: average.with_buffers(name, self.net, self.images) for name in (*POLICIES, LAW)}
            nets[ITSELF] = copy.deepcopy(self.net)
            for name, net in nets.items():
                own = nets["recalibrate"] if name != ITSELF else net
                self.found[average.decay, record.epoch, name] = score(net, own, self.test)


def score(net: nn.Module, own: nn.Module, test: Batches) -> Score:
    """Judge a net; `own` has the same weights and the statistics that were measured of them."""
    loss, accuracy = loss_and_accuracy(*collect_outputs(net.eval(), test, torch.device("cpu")))
    means, variances = [], []
    for stored, measured in zip(find_norms(net), find_norms(own), strict=True):
        means.append(((stored.mean - measured.mean).abs() / measured.var.sqrt()).mean())
        variances.append((stored.var / measured.var).log().mean())
    return Score(loss, 100 * accuracy, mean_of(means), mean_of(variances))


def mean_of(values: Sequence[Tensor]) -> float:
    """Return the mean over the norms, each of which counts once."""
    return float(torch.stack([*values]).mean())


def config_of(model: str, seed: int) -> TrainConfig:
    """Return the options of a training: the default ones."""
    return TrainConfig(model=model, seed=seed, threads=1)


def follow(model: str, seed: int) -> Scores:
    """Train one net, and judge its averages on the way."""
    config = config_of(model, seed)
    source = data.get(config.data)
    train, _ = data.split_off_validation(source.load("train"), config.val_fraction, seed)
    normalization = Normalization.of(train.images)
    images = RecalibrationImages(
        train,
        normalization,
        augmentation=augmentation_of(config, source),
        max_images=IMAGES,
        seed=seed,
        epoch=config.epochs,
        channels_last=config.channels_last,
    )
    torch.manual_seed(seed)
    net = build(model, num_classes=10, in_channels=1, image_size=28)
    judge = Judge(net, evaluation_batches(source.load("test"), normalization, config), images)
    fit(config, model=net, source=source, watcher=judge)
    return judge.found


def kept(folder: Path | None, model: str, seed: int) -> Scores:
    """Return what one seed came to, from a file if there is one."""
    path = None if folder is None else folder / f"{model}-{seed}.json"
    if path is None or not path.exists():
        scores = follow(model, seed)
        if path is not None:
            with atomic_write(path, "w") as file:
                json.dump([[*key, *score] for key, score in scores.items()], file)
        return scores
    return {tuple(row[:3]): Score(*row[3:]) for row in json.loads(path.read_text(encoding="utf-8"))}


def check(model: str, seed: int, found: Scores) -> None:
    """End unless the command's own options come to what was found without them."""
    for policy in POLICIES:
        torch.manual_seed(seed)
        net = build(model, num_classes=10, in_channels=1, image_size=28)
        config = replace(config_of(model, seed), ema_decay=DECAYS[0], ema_buffers=policy)
        result = fit(config, model=net, source=data.get(config.data)).result
        ours = found[DECAYS[0], EPOCHS[-1], policy]
        if result.test_loss != ours.loss:
            sys.exit(f"--ema-buffers {policy} came to a test loss of {result.test_loss}, expected {ours.loss}")


def table(found: Mapping[str, list[Scores]], field: str, digits: int) -> Iterator[str]:
    """Yield a table of the policies by one number, with what they differ by, seed by seed."""
    yield "| net | seeds | decay | epoch | the net itself | average | copy | recalibrate | copy less average | "
    yield "recalibrate less average |\n|---|---|---|---|---|---|---|---|---|---|\n"
    for model, seeds in found.items():
        for decay, epoch in rows(seeds):
            values = {name: column(seeds, (decay, epoch, name), field) for name in (ITSELF, *POLICIES)}
            cells = [shown(one, digits) for one in values.values()]
            for name in ("copy", "recalibrate"):
                apart = [one - other for one, other in zip(values[name], values["average"], strict=True)]
                cells.append(shown(apart, digits, signed=True))
            yield f"| {model} | {len(seeds)} | {named(decay)} | {epoch} | {' | '.join(cells)} |\n"


def law_table(found: Mapping[str, list[Scores]]) -> Iterator[str]:
    """Yield how far the statistics lie from those of the averaged weights."""
    yield "| net | decay | epoch | mean: average | copy | log variance: average | copy | law | "
    yield "loss, law less average |\n|---|---|---|---|---|---|---|---|---|\n"
    for model, seeds in found.items():
        for decay, epoch in rows(seeds):
            cells = [shown(column(seeds, (decay, epoch, name), "mean_apart"), 3) for name in ("average", "copy")]
            for name in ("average", "copy", LAW):
                cells.append(shown(column(seeds, (decay, epoch, name), "log_var_apart"), 3, signed=True))
            law, average = (column(seeds, (decay, epoch, name), "loss") for name in (LAW, "average"))
            apart = [one - other for one, other in zip(law, average, strict=True)]
            yield f"| {model} | {named(decay)} | {epoch} | {' | '.join(cells)} | {shown(apart, 4, signed=True)} |\n"


def rows(seeds: Sequence[Scores]) -> Iterator[tuple[float, int]]:
    """Yield decays and epochs; all decays as one, the smallest, as long as they have risen to the same."""
    for epoch in EPOCHS:
        apart = any(seeds[0][decay, epoch, "average"] != seeds[0][DECAYS[0], epoch, "average"] for decay in DECAYS)
        yield from ((decay if apart else -1.0, epoch) for decay in DECAYS[: None if apart else 1])


def named(decay: float) -> str:
    """Return a decay in words."""
    return "any" if decay < 0 else f"{decay:g}"


def column(seeds: Sequence[Scores], key: tuple[float, int, str], field: str) -> list[float]:
    """Return one number of all seeds."""
    decay, epoch, name = key
    return [float(getattr(scores[decay if decay > 0 else DECAYS[0], epoch, name], field)) for scores in seeds]


def shown(values: Sequence[float], digits: int, *, signed: bool = False) -> str:
    """Return mean and half of the interval."""
    if digits == 2 and not signed:
        return interval(values)
    return f"{mean(values):{'+' if signed else ''}.{digits}f} ± {half_width(values):.{digits}f}"


def page(found: Mapping[str, list[Scores]]) -> str:
    """Return the page."""
    said = f"command: python benchmarks/ema_buffers.py {shlex.join(sys.argv[1:])}".rstrip()
    versions = f"batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}"
    return (
        f"{TITLE}\n```\n{said}\nmachine: {processor()}, 1 thread (nothing here is a time)\nversions: {versions}\n```\n"
        f"\n## Test accuracy, %\n\n{''.join(table(found, 'accuracy', 2))}"
        f"\n## Test loss\n\n{''.join(table(found, 'loss', 4))}"
        "\n## How far the statistics lie from those of the averaged weights\n\n"
        "Over channels and norms, from what `recalibrate` measures: the mean of |mean - measured| in standard "
        "deviations,\nand of log(variance / measured), above 0 where the stored variance is too large. `law` averages "
        f"variances by the law\nof total variance, with the means of `average`.\n\n{''.join(law_table(found))}"
    )


def main() -> None:
    """Train, judge, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="at least two")
    parser.add_argument("--check", type=int, help="the seed for which the command's options are tried, too")
    parser.add_argument("--kept", type=Path, help="a folder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ema_buffers.md"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[Scores]] = {model: [] for model in given.models}
    for model, seed in product(given.models, given.seeds):
        scores = kept(given.kept, model, seed)
        print(model, seed, {key: score.accuracy for key, score in scores.items()}, flush=True)
        if seed == given.check:
            check(model, seed, scores)
        found[model].append(scores)
    with atomic_write(given.out, "w") as file:
        file.write(page(found))


if __name__ == "__main__":
    main()
