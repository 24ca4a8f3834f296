"""Is the usual recipe around batch norm as good as what one could do instead?"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import nn

from ...statistics import recalibrate
from .._arm import Arm, Value
from .._claim import Advice, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from ..measures import (
    Inputs,
    accuracy_reached,
    drop_in_front_of_classifier,
    drop_in_front_of_norms,
    give_biases,
    set_of_norms,
    variance_shifts,
    with_inputs,
    zero_last_gammas,
)

RATE, DECAY = 0.1, 5e-4
RECIPE = "the usual recipe"
ZERO, ONE = "ResNet-20, last gammas 0", "ResNet-20, last gammas 1"
EVERY, LAST, HEAD = (
    "dropout 0.2 before each norm",
    "dropout 0.5 before the last norm",
    "dropout 0.5 before the classifier",
)
PROBE = 500
"""Images by which the variance shift is measured."""


class Practice(NamedTuple):
    """What one could do instead: an arm, and the question that holds the recipe against it."""

    id: str
    name: str
    options: dict[str, Value]
    instead: str
    primary: bool = False

    @property
    def comparison(self) -> Comparison:
        """The recipe against it."""
        question = f"Is the usual recipe at least as accurate as one with {self.instead}?"
        return _not_worse(self.id, question, RECIPE, self.name, primary=self.primary)


def _not_worse(id_: str, question: str, arm: str, than: str, *, primary: bool) -> Comparison:
    return Comparison(id_, question, "accuracy", arm, than, "not worse", 1.0, "points", primary=primary)


PRACTICES = (
    Practice("place", "norm behind the activation", {"norm_place": "after"}, "the norm behind the activation", True),
    Practice("bias", "with biases", {"bias": True}, "a bias in each convolution", True),
    Practice("slow", "momentum 0.01", {"momentum": 0.01}, "momentum 0.01 for the running statistics", True),
    Practice("fast", "momentum 0.5", {"momentum": 0.5}, "momentum 0.5 for the running statistics", True),
    Practice("eps", "eps 0.001", {"eps": 1e-3}, "eps 0.001", True),
    Practice(
        "decay", "decay of gamma and beta", {"decay_all": True}, "weight decay on gamma, beta and biases, too", True
    ),
    Practice("dropout", EVERY, {"dropout": 0.2, "where": "norms"}, "dropout directly before each norm", True),
    Practice("last-dropout", LAST, {"dropout": 0.5, "where": "last norm"}, "dropout directly before the last norm"),
    Practice("head-dropout", HEAD, {"dropout": 0.5, "where": "classifier"}, "dropout behind all norms"),
    Practice("silu", "SiLU", {"activation": "silu"}, "SiLU in the place of ReLU"),
    Practice("tanh", "tanh", {"activation": "tanh"}, "tanh in the place of ReLU"),
    Practice("sigmoid", "sigmoid", {"activation": "sigmoid"}, "sigmoid in the place of ReLU"),
    Practice("smoothing", "label smoothing", {"label_smoothing": 0.1}, "label smoothing of 0.1"),
    Practice("min-max", "min-max inputs", {"inputs": "min-max"}, "pixels from 0 to 1 in the place of z-scores"),
    Practice("bytes", "unscaled inputs", {"inputs": "bytes"}, "pixels from 0 to 255 in the place of z-scores"),
    Practice("layer", "layer norm", {"norm": "layer"}, "layer norm in the place of batch norm"),
    Practice("group", "group norm", {"norm": "group"}, "group norm in the place of batch norm"),
    Practice("instance", "instance norm", {"norm": "instance"}, "instance norm in the place of batch norm"),
    Practice("none", "no norm", {"norm": "none"}, "no norm"),
)


def measure(run: Run) -> Measured:
    """Train by the recipe with one practice changed, and measure what dropout does to the norms, if that is it."""
    net = _net(run)
    trained = run.train(
        net,
        lr=RATE,
        weight_decay=DECAY,
        decay_all=bool(run.options.get("decay_all", False)),
        loss=partial(F.cross_entropy, label_smoothing=float(str(run.options.get("label_smoothing", 0.0)))),
    )
    values = {"accuracy": accuracy_reached(run, net, trained)}
    if "norm" not in str(run.options.get("where", "")) or trained.diverged:
        return Measured(values, diverged=trained.diverged)
    return _with_shifts(run, net, values["accuracy"])


def _net(run: Run) -> nn.Module:
    options = run.options
    if "last_gammas" in options:
        net = replace(run, model="resnet20").net(width=8)
        if options["last_gammas"] == 0:
            zero_last_gammas(net)
        return net
    model_args: dict[str, Any] = {name: options[name] for name in ("activation", "norm_place") if name in options}
    net = run.net(**model_args)
    if options.get("bias"):
        give_biases(net)
    set_of_norms(net, **{name: float(str(options[name])) for name in ("momentum", "eps") if name in options})
    if "dropout" in options:
        _drop(net, float(str(options["dropout"])), str(options["where"]))
    inputs: Inputs = options.get("inputs", "z-score")  # the arms below name no others
    return with_inputs(net, run.images.normalization, inputs).to(run.device)


def _drop(net: nn.Module, p: float, where: str) -> None:
    if where == "classifier":
        drop_in_front_of_classifier(net, p)
    else:
        drop_in_front_of_norms(net, p, last_alone=where == "last norm")


def _with_shifts(run: Run, net: nn.Module, accuracy: float) -> Measured:
    """By how much dropout changes what norms see, and what it is worth to recompute their statistics without it."""
    images, _ = next(run.batches("train", PROBE, shuffle=True).epoch(run.seed))
    shifts = variance_shifts(net, [images], float(str(run.options["dropout"])), run.seed)
    recalibrate(net, run.batches("train", PROBE))
    recalibrated = run.accuracy(net)
    off = [math.log(shift.measured / shift.predicted) for shift in shifts]
    values = {
        "accuracy": accuracy,
        "recalibrated accuracy": recalibrated,
        "gain by recalibration": recalibrated - accuracy,
        "shift over formula": math.exp(math.fsum(off) / len(off)),
    }
    series = {
        "variance shift": [shift.measured for shift in shifts],
        "stored over real variance": [shift.stored for shift in shifts],
    }
    return Measured(values, series)


def _comparisons() -> Iterator[Comparison]:
    yield from (practice.comparison for practice in PRACTICES if practice.primary)
    question = "Are residual branches that begin at 0 at least as accurate as those that do not?"
    yield _not_worse("zero-gamma", question, ZERO, ONE, primary=True)
    yield from (practice.comparison for practice in PRACTICES if not practice.primary)
    question = "Is dropout behind all norms at least as accurate as dropout directly before the last one?"
    yield _not_worse("behind-or-before", question, HEAD, LAST, primary=False)
    yield from (_shift(name) for name in (EVERY, LAST))
    yield Comparison(
        id="recalibrated",
        question="Does a net that was trained with dropout before each norm gain by statistics without dropout?",
        value="gain by recalibration",
        arm=EVERY,
        than=0.0,
        rule="greater",
        margin=1.0,
        unit="points",
        primary=False,
    )


def _shift(arm: str) -> Comparison:
    return Comparison(
        id="shift" if arm == EVERY else "shift-last",
        question=f"Does {arm} change the variance by what the formula says?",
        value="shift over formula",
        arm=arm,
        than=1.0,
        rule="equivalent",
        margin=1.02,
        unit="times",
        scale="ratio",
        primary=False,
    )


CLAIM = Claim(
    id="best-practice",
    title="Best practice",
    statement=(
        "The usual recipe is at least as accurate as its alternatives: the norm before the activation, no bias in "
        "front of it, momentum 0.1, eps 1e-5, no decay of gamma and beta, no dropout in front of a norm, and gammas of "
        "0 at the end of residual branches."
    ),
    sources=(
        "Ioffe and Szegedy, 2015, section 3.2 (place, bias), arXiv:1502.03167.",
        "Goyal et al., 2017, section 5.1 (gammas of 0), arXiv:1706.02677.",
        "He, Zhang, Zhang, Zhang, Xie and Li, 2018, section 3.1 (gammas of 0, no decay), arXiv:1812.01187.",
        "Li, Chen, Hu and Yang, 2018 (dropout and variance shift), arXiv:1801.05134.",
        "Mishkin, Sergievskiy and Matas, 2016 (who found the norm behind the activation better), arXiv:1606.02228.",
    ),
    protocol=(
        "A net of six convolutions (or the one that the study is given), and ResNet-20 of width 8 for the gammas: SGD"
        " with momentum 0.9, learning rate 0.1 falling by a cosine, weight decay 0.0005, batch 128, the same for all,"
        " so that what is said of layer norm, group norm, instance norm and no norm holds for this rate. Each arm "
        "changes one practice of the recipe. The margin of 1 point is what a mean of six seeds of so short a training"
        " can tell, and less than the choice of a net or of its rate is worth. The claim holds if the recipe is not "
        "worse by more than that than each of the alternatives that it is about; the others (activation, loss, "
        "inputs, kind of norm, place of dropout) qualify it. The variance shift is measured in the trained net on 500"
        " images: the variance of each norm's input behind dropout over that in front of it, against 1 + p / (1 - p) "
        "* (1 + mean^2 / variance)."
    ),
    arms=(
        Arm(RECIPE),
        *(Arm(practice.name, practice.options) for practice in PRACTICES),
        Arm(ZERO, {"last_gammas": 0}),
        Arm(ONE, {"last_gammas": 1}),
    ),
    measure=measure,
    comparisons=tuple(_comparisons()),
    figure=Figure(
        "dots", "accuracy", title="Each practice by itself: test accuracy of every seed", x_title="test accuracy (%)"
    ),
    figures=(
        Figure(
            "layers",
            "variance shift",
            arms=(EVERY, LAST),
            title="How much larger the variance of a norm's input is in training, because of dropout before it",
            x_title="norm, from the images to the classifier",
            y_title="variance with dropout over variance without",
        ),
        Figure(
            "layers",
            "stored over real variance",
            arms=(EVERY, LAST),
            title="What evaluation normalizes by, against what it meets",
            x_title="norm, from the images to the classifier",
            y_title="running variance over variance in evaluation",
        ),
    ),
    advice=Advice(
        supported=(
            "Keep the recipe: convolution without bias, norm, activation; momentum 0.1, eps 1e-5, no decay of gamma "
            "and beta, dropout, if any, behind the last norm. Nothing that was tried instead was better by a point."
        ),
        not_supported=(
            "Look below for what was better than the recipe, and try it in your net. Whatever you change, keep dropout "
            "behind the last norm, or recompute the statistics without it (batchnorm recalibrate)."
        ),
        undecided=(
            "Keep the recipe where nothing below is shown to be better; for what is undecided take more seeds, or do "
            "as your framework does."
        ),
    ),
    scopes={
        "quick": Scope(
            seeds=3,
            train_images=2_000,
            epochs=2,
            test_images=2_000,
            arms=(RECIPE, ZERO, ONE, *(practice.name for practice in PRACTICES if practice.primary)),
        ),
        "standard": Scope(seeds=6, train_images=10_000, epochs=5),
        "thorough": Scope(seeds=10, train_images=60_000, epochs=5),
    },
    hours=0.55,
)
