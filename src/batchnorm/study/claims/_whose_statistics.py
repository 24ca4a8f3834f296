"""Whose moments should normalize, in training and in evaluation: does the whole training set serve as well?"""

import math

from torch import nn

from ...records import Rule
from .._arm import OWN, Arm
from .._claim import Advice, ByArm, Claim
from .._comparison import Comparison
from .._data import drawn
from .._figure import Figure
from .._measured import Measured
from .._run import EVALUATED_AT_ONCE, Run
from .._scope import Scope
from .._search import Search
from .._training import judge
from ..measures import Population, by_batch, by_measured, without_single

BATCHES = (2, 8, 32, 256)
USUAL = 32
POPULATION_BATCH = 250
CLIP_NORM = 1.0
"""Of gradients: between two measurements of the whole set's statistics nothing else keeps weights from growing."""


def measure(run: Run) -> Measured:
    """Train by one kind of statistics, and judge the net by its own; one of batch norm by others, too."""
    whose, batch = str(run.options["whose"]), int(str(run.options["batch"]))
    scale = math.sqrt(batch / USUAL)
    steps = run.scope.epochs * len(run.batches("train", batch, shuffle=True))
    texts = {"batch norm": "batch", "renorm": f"renorm:3,5,{max(steps // 2, 1)}", "whole set": "population"}
    net = run.net(texts[whose] if whose in texts else f"ghost:{run.options['slice']}")
    population = None
    if whose == "whole set":
        split = drawn(run.split("train"), int(str(run.scope.options["population"])))
        every = int(str(run.options.get("every") or max(round(float(str(run.scope.options["refresh"])) / scale), 1)))
        population = Population(net, run.batches("train", POPULATION_BATCH, split=split), every)
    on_step = population.seen if population else None
    lr = float(str(run.options["lr"])) * scale
    trained = run.train(net, lr=lr, batch_size=batch, clip_norm=CLIP_NORM, on_step=on_step)
    if population is not None and trained.diverged is None:
        population.measure()
    if run.searching:
        return Measured({"validation accuracy": run.accuracy(net, "validation")}, diverged=trained.diverged)
    values = {"test accuracy": run.accuracy(net)}
    if whose == "batch norm":
        values |= _by_others(run, net, batch, values["test accuracy"], diverged=trained.diverged is not None)
    return Measured(values, diverged=trained.diverged)


def _by_others(run: Run, net: nn.Module, batch: int, running: float, *, diverged: bool) -> dict[str, float]:
    """Return the accuracies by measured statistics and by the batch's; of a net that has none, that by the running."""
    if diverged:
        return dict.fromkeys(OTHERS, running)
    split = drawn(run.split("train"), int(str(run.scope.options["population"])))
    large = run.batches("train", EVALUATED_AT_ONCE, split=split)
    own = run.batches("train", batch, split=without_single(split, batch))
    tested = run.batches("test", batch, split=without_single(run.split("test"), batch))
    return {
        "by average": by_measured(net, own, "average", run.accuracy),
        "by exact": by_measured(net, large, "exact", run.accuracy),
        "by batch": by_batch(net, lambda net: judge(net, tested)[0]),
    }


OTHERS = ("by average", "by exact", "by batch")


def derive(values: ByArm) -> dict[str, dict[str, float]]:
    """Make an arm of each way to evaluate the nets that batch norm has trained."""
    return {
        f"{_name('batch norm', batch)}, {way}": {"test accuracy": values[_name("batch norm", batch)][way]}
        for batch in BATCHES
        for way in OTHERS
        if way in values.get(_name("batch norm", batch), {})
    }


def _name(whose: str, batch: int) -> str:
    return f"{whose}, {batch}"


SLICES = {2: 1, 8: 4, 32: 16, 256: 32}


def _arm(whose: str, batch: int) -> Arm:
    slices = {"slice": SLICES[batch]} if whose == "ghost" else {}
    return Arm(_name(whose, batch), {"whose": whose, "batch": batch, **slices, "lr": OWN})


def _asked(
    name: str, question: str, arm: str, than: str, rule: Rule, *, margin: float = 0.5, primary: bool = False
) -> Comparison:
    return Comparison(name, question, "test accuracy", arm, than, rule, margin, "points", primary=primary)


def _whole_set(batch: int, *, primary: bool = False) -> Comparison:
    question = f"Does the whole training set serve as well as batches of {batch}?"
    arms = _name("whole set", batch), _name("batch norm", batch)
    return _asked(f"whole set, {batch}", question, *arms, "not worse", primary=primary)


ONE_RATE, AGED, FRESH = (f"{name}, 32, rate 0.1" for name in ("batch norm", "whole set", "whole set at every step"))
SMALL, LARGE = _name("batch norm", 2), _name("batch norm", 256)

CLAIM = Claim(
    id="whose-statistics",
    title="Whose statistics",
    statement=(
        "Full-batch normalization: a net that normalizes by the statistics of the whole training set, in training "
        "as in evaluation, is as accurate as one with batch norm."
    ),
    sources=(
        "Lian and Liu, Revisit Batch Normalization, 2019: full normalization (arXiv:1810.06177).",
        "Ioffe, Batch Renormalization, 2017, sections 2 and 3 (arXiv:1702.03275).",
        "Hoffer, Hubara and Soudry, Train Longer, Generalize Better, 2017, section 4 (arXiv:1705.08741).",
        "Wu and Johnson, Rethinking 'Batch' in BatchNorm, 2021, sections 3 and 4 (arXiv:2105.07576).",
    ),
    protocol=(
        "A plain net is trained in batches of 2, 8, 32 and 256 by the statistics of the batch; of slices of it (of "
        "1, 4, 16 and 32 images: ghost batch norm); of the batch, corrected towards the running statistics by "
        "limits that widen over the first half of the steps (batch renormalization); and of the whole training set. "
        "These are measured on 500 training images before the first step, behind the last one, and every 2 steps at "
        "batches of 32 (every one at 256); the gradient is that of batch norm. Gradients are clipped to a norm of 1 "
        "in all arms alike. Each arm has its own best rate; at batches of 32 the whole set is compared with batch "
        "norm at one rate, too, measured every 2 steps and at every step. Rates are given at batches of 32 and go "
        "with the square root of the batch, and the steps between two measurements with its inverse, so that "
        "weights move about as far between two of them whatever the batch. The nets that batch norm has trained are "
        "evaluated by the running statistics, by statistics measured in batches of the training's size (average) "
        "and exactly, and by those of each batch of test images, of the training's size. Margin: half a point of "
        "accuracy, which is about what two seeds differ by; whoever changes the kind of norm wants to lose no more "
        "than that. The usual batches, 32 and 256, decide on the claim."
    ),
    arms=(
        *(_arm(whose, batch) for whose in ("batch norm", "whole set", "renorm", "ghost") for batch in BATCHES),
        Arm(ONE_RATE, {"whose": "batch norm", "batch": USUAL, "lr": 0.1}),
        Arm(AGED, {"whose": "whole set", "batch": USUAL, "lr": 0.1}),
        Arm(FRESH, {"whose": "whole set", "batch": USUAL, "lr": 0.1, "every": 1}),
    ),
    measure=measure,
    derive=derive,
    comparisons=(
        _whole_set(32, primary=True),
        _whole_set(256, primary=True),
        _whole_set(2),
        _whole_set(8),
        _asked("whole set, one rate", "Does it at one rate, in batches of 32?", AGED, ONE_RATE, "not worse"),
        _asked("whole set, fresh", "And measured again at every step?", FRESH, ONE_RATE, "not worse"),
        _asked("age", "Are statistics better that are measured at every step?", FRESH, AGED, "greater"),
        _asked(
            "whole set, exact",
            "Does it serve as well as batch norm that is evaluated by exact statistics, in batches of 32?",
            _name("whole set", USUAL),
            f"{_name('batch norm', USUAL)}, by exact",
            "not worse",
        ),
        _asked("two images", "Are batches of 2 worse than batches of 32?", SMALL, _name("batch norm", 32), "less"),
        _asked("renorm", "Is renormalization better at batches of 2?", _name("renorm", 2), SMALL, "greater"),
        _asked("single images", "Are slices of one image worse than batches of 2?", _name("ghost", 2), SMALL, "less"),
        _asked("slices", "Do slices of 32 serve as well as batches of 256?", _name("ghost", 256), LARGE, "not worse"),
        _asked(
            "measured anew",
            "Are exact statistics better than the running ones, after batches of 2?",
            f"{SMALL}, by exact",
            SMALL,
            "greater",
        ),
        _asked(
            "average",
            "Are statistics that are measured in batches of 2 worse than exact ones?",
            f"{SMALL}, by average",
            f"{SMALL}, by exact",
            "less",
        ),
        _asked(
            "batches of 2 in evaluation",
            "Are those of each batch worse than the running ones, in batches of 2?",
            f"{SMALL}, by batch",
            SMALL,
            "less",
        ),
        _asked(
            "batches of 256 in evaluation",
            "Are they the same in batches of 256?",
            f"{LARGE}, by batch",
            LARGE,
            "equivalent",
        ),
    ),
    figure=Figure(
        "axis",
        "test accuracy",
        x="batch",
        group="whose",
        arms=tuple(
            _name(whose, batch) for whose in ("batch norm", "whole set", "renorm", "ghost") for batch in BATCHES
        ),
        title="Test accuracy by whose statistics normalize in training",
        x_title="images in a batch",
        y_title="test accuracy (%)",
        log_x=True,
    ),
    figures=(
        Figure(
            "dots",
            "test accuracy",
            arms=tuple(
                _name("batch norm", batch) + way for batch in (2, 256) for way in ("", *(f", {way}" for way in OTHERS))
            ),
            title="The same nets by whose statistics normalize in evaluation",
            y_title="test accuracy (%)",
        ),
    ),
    advice=Advice(
        supported=(
            "Where batches are too small for their moments, train by the whole set's statistics "
            "(a training with moments='population'); elsewhere it costs measurements and gains nothing."
        ),
        not_supported=(
            "Normalize by the batch in training; if batches are small, look at renormalization or group norm first, "
            "and measure the statistics anew before you ship a net (batchnorm recalibrate)."
        ),
        undecided="Normalize by the batch in training, and measure the statistics anew before you ship a net.",
    ),
    scopes={
        "quick": Scope(
            3,
            2_000,
            2,
            2_000,
            {"population": 500, "refresh": 2},
            tuple(_name(whose, batch) for whose in ("batch norm", "whole set") for batch in (32, 256)),
        ),
        "standard": Scope(6, 10_000, 2, None, {"population": 500, "refresh": 2}),
        "thorough": Scope(12, 10_000, 6, None, {"population": 1_000, "refresh": 1}),
    },
    search=Search(grid=(0.01, 0.03, 0.1, 0.3)),
    hours=1.1,
)
