"""Does batch norm keep the inputs of layers stable, and is that why it helps?"""

from contextlib import nullcontext
from functools import partial

from torch import nn

from .._arm import OWN, Arm, Value
from .._claim import Advice, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from .._search import Search
from ..measures import WatchedInputs, noise_behind_norms
from ._looks import BATCH_SIZE, batch_of_update, update_times

SAME_RATE = 0.01
LAST = 20
"""Of how many steps the training loss is the mean."""


def measure(run: Run) -> Measured:
    """Train a net and look, at some of its steps, at how its layers' inputs and gradients move."""
    net = run.net(depth=8) if run.model is None else run.net()
    lr = float(str(run.options["lr"]))
    noise = noise_behind_norms(net, run.generator("noise")) if run.options["noise"] else nullcontext()
    with noise:
        watched = None if run.searching else _watched(run, net)
        trained = run.train(net, lr=lr, batch_size=BATCH_SIZE, schedule="constant", on_step=watched)
        if watched is None:
            return Measured({"validation accuracy": run.accuracy(net, "validation")}, diverged=trained.diverged)
        last = trained.losses[-LAST:]
        values = {"accuracy": run.accuracy(net), "training loss": sum(last) / len(last)} | watched.values()
    return Measured(values, watched.series(), trained.diverged)


def _watched(run: Run, net: nn.Module) -> WatchedInputs:
    images, _ = batch_of_update(run, 1)
    return WatchedInputs(net, images, partial(batch_of_update, run), update_times(run))


def _arm(name: str, norm: str, *, noise: bool, lr: Value) -> Arm:
    return Arm(name, {"norm": norm, "noise": noise, "lr": lr})


CLAIM = Claim(
    id="stable-inputs",
    title="Stable inputs",
    statement=(
        "Batch norm keeps the inputs of layers stable while the layers below them learn (it reduces internal "
        "covariate shift)."
    ),
    sources=(
        "Ioffe and Szegedy, 2015, sections 1, 2 and 4.1, arXiv:1502.03167.",
        "Santurkar, Tsipras, Ilyas and Madry, 2018, section 2 (against it), arXiv:1805.11604.",
    ),
    protocol=(
        "A plain net (without a model of your own: 8 convolutions, 3x3, 16 to 64 channels), SGD with momentum 0.9 and "
        "a constant rate, batch 128. At 20 times in the training two things are measured, in training mode. The "
        "distribution: how far mean and standard deviation of a layer's input by channel have moved since the time "
        "before, for the same 128 images, in units of the input's own standard deviation. The gradient: a layer's "
        "gradient before an update, and again after only the layers below it have taken theirs, for the batch of the "
        "update; the distance of the two for the length of the first, and their cosine. Means are over the layers and "
        "the times in the second half, for a plain net without a norm does not learn at first, and a net that stands "
        "still is steady; of the gradients' distances it is the geometric mean. Three nets, each at its own best rate "
        "and all at 0.01: with batch norm; without a norm; and the control: batch norm behind which noise moves and "
        "stretches each channel by numbers drawn anew in every step (mean up to 0.5, scale 1 to 1.25). If steady "
        "inputs are why batch norm helps, the noise has to take the help away. Distances count from a factor of 1.25 "
        "on, cosines from 0.02 on, the training loss (mean of the last 20 steps) from 1.1 on; accuracies from 1 point "
        "on, the least for which we would choose one net over another. Which half is averaged, and that the noise is "
        "judged from step to step, was chosen after a pilot of one seed and fewer steps. The claim holds if both the "
        "distribution and the gradient are steadier with batch norm, each net at its own best rate."
    ),
    arms=(
        _arm("batch norm", "torch", noise=False, lr=OWN),
        _arm("no norm", "none", noise=False, lr=OWN),
        _arm("noisy batch norm", "torch", noise=True, lr=OWN),
        _arm("batch norm, rate 0.01", "torch", noise=False, lr=SAME_RATE),
        _arm("no norm, rate 0.01", "none", noise=False, lr=SAME_RATE),
        _arm("noisy batch norm, rate 0.01", "torch", noise=True, lr=SAME_RATE),
    ),
    measure=measure,
    comparisons=(
        Comparison(
            id="drift",
            question="Do the moments of layers' inputs drift less with batch norm?",
            value="drift",
            arm="batch norm",
            than="no norm",
            rule="less",
            margin=1.25,
            unit="times",
            scale="ratio",
        ),
        Comparison(
            id="gradient-shift",
            question="Do updates of the layers below change a layer's gradient less with batch norm?",
            value="gradient shift",
            arm="batch norm",
            than="no norm",
            rule="less",
            margin=1.25,
            unit="times",
            scale="ratio",
        ),
        Comparison(
            id="drift-same-rate",
            question="And the drift at the same rate?",
            value="drift",
            arm="batch norm, rate 0.01",
            than="no norm, rate 0.01",
            rule="less",
            margin=1.25,
            unit="times",
            scale="ratio",
            primary=False,
        ),
        Comparison(
            id="gradient-shift-same-rate",
            question="And the change of the gradient at the same rate?",
            value="gradient shift",
            arm="batch norm, rate 0.01",
            than="no norm, rate 0.01",
            rule="less",
            margin=1.25,
            unit="times",
            scale="ratio",
            primary=False,
        ),
        Comparison(
            id="gradient-cosine",
            question="Do updates of the layers below turn a layer's gradient less with batch norm?",
            value="gradient cosine",
            arm="batch norm",
            than="no norm",
            rule="greater",
            margin=0.02,
            unit="cosine",
            primary=False,
        ),
        Comparison(
            id="noise-drifts",
            question="Do inputs move more from step to step behind noisy batch norm than without a norm?",
            value="drift of a step",
            arm="noisy batch norm",
            than="no norm",
            rule="greater",
            margin=1.25,
            unit="times",
            scale="ratio",
            primary=False,
        ),
        Comparison(
            id="noise-helps",
            question="Does noisy batch norm nevertheless reach a smaller training loss than no norm?",
            value="training loss",
            arm="noisy batch norm",
            than="no norm",
            rule="less",
            margin=1.1,
            unit="times",
            scale="ratio",
            primary=False,
        ),
        Comparison(
            id="noise-harms-not",
            question="Is noisy batch norm as accurate as the one that nobody shakes?",
            value="accuracy",
            arm="noisy batch norm",
            than="batch norm",
            rule="not worse",
            margin=1.0,
            unit="points",
            primary=False,
        ),
    ),
    figure=Figure(
        "ridges",
        "quantiles",
        x="step",
        arms=("batch norm", "no norm", "noisy batch norm"),
        title="What the last activation is given in the course of the training",
        x_title="step",
        y_title="value",
    ),
    figures=(
        Figure(
            "curves",
            "drift over time",
            x="step",
            title="How far the moments of layers' inputs have moved since the time before",
            x_title="step",
            y_title="standard deviations",
            log_y=True,
        ),
        Figure(
            "curves",
            "cosine over time",
            x="step",
            title="How a layer's gradient turns because of the layers below it",
            x_title="step",
            y_title="cosine",
        ),
        Figure("dots", "accuracy", title="What the nets reach", y_title="test accuracy (%)"),
    ),
    advice=Advice(
        supported="Nothing to do: where inputs of layers are to be steady, a norm before each of them makes them so.",
        not_supported=(
            "Use batch norm for what it does to training, not for steady inputs. Noise behind a norm, and moments "
            "that wander, are no reason to change a net that learns."
        ),
        undecided="Take more seeds, or a longer training: drift falls while a net learns.",
    ),
    scopes={
        "quick": Scope(seeds=3, train_images=2_000, epochs=8, test_images=2_000, options={"looks": 10}),
        "standard": Scope(seeds=6, train_images=10_000, epochs=4, options={"looks": 20}),
        "thorough": Scope(seeds=10, train_images=60_000, epochs=3, options={"looks": 40}),
    },
    search=Search(grid=(0.003, 0.01, 0.03, 0.1, 0.3)),
    hours=0.3,
)
