"""Does batch norm make the loss smoother, so that steps along the gradient do what the gradient promises?"""

from functools import partial

from .._arm import OWN, Arm, Value
from .._claim import Advice, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from .._search import Search
from ..measures import WatchedSmoothness
from ._looks import BATCH_SIZE, batch_of_update, update_times

SAME_RATE = 0.01


def measure(run: Run) -> Measured:
    """Train a net and look, at some of its steps, along the gradient."""
    net, lr = run.net(), float(str(run.options["lr"]))
    watched = None
    if not run.searching:
        watched = WatchedSmoothness(net, lr, partial(batch_of_update, run), update_times(run))
    trained = run.train(net, lr=lr, batch_size=BATCH_SIZE, schedule="constant", on_step=watched)
    if watched is None:
        return Measured({"validation accuracy": run.accuracy(net, "validation")}, diverged=trained.diverged)
    return Measured({"accuracy": run.accuracy(net)} | watched.values(), watched.series(), trained.diverged)


def _arms(norm: str, name: str) -> tuple[Arm, Arm]:
    own: dict[str, Value] = {"norm": norm, "lr": OWN}
    return Arm(name, own), Arm(f"{name}, rate {SAME_RATE}", own | {"lr": SAME_RATE})


def _smoother(
    value: str, question: str, *, norm: str = "batch norm", same_rate: bool, primary: bool = False
) -> Comparison:
    rate = f", rate {SAME_RATE}" if same_rate else ""
    return Comparison(
        id=f"{value}{' same-rate' if same_rate else ''}{'' if norm == 'batch norm' else f' {norm}'}".replace(" ", "-"),
        question=question,
        value=value,
        arm=f"{norm}{rate}",
        than=f"no norm{rate}",
        rule="less",
        margin=1.25,
        unit="times",
        scale="ratio",
        primary=primary,
    )


CLAIM = Claim(
    id="smoothness",
    title="Smoothness",
    statement="Batch norm makes the loss and its gradient smoother, so that the gradient holds for longer steps.",
    sources=("Santurkar, Tsipras, Ilyas and Madry, 2018, sections 3 and 4, arXiv:1805.11604.",),
    protocol=(
        "The net (without a model of your own: 6 convolutions, 16 to 64 channels) is trained by SGD with momentum 0.9 "
        "and a constant rate, batch 128. At 20 times, from where it is, the loss and its gradient for the batch of "
        "the next update are computed along the gradient: at steps of 0.5, 1, 2 and 4 times the rate. The range of "
        "the loss, the largest change of the gradient, and the largest change for the length of the step (the "
        "effective beta-smoothness) are averaged over the times in the second half, geometrically, for they differ by "
        "powers of ten; in the first half a plain net without a norm may stand on a plateau, where everything is "
        "smooth. These numbers depend on the weights' scale, which a norm makes meaningless; therefore the same again "
        "with each weight moved by 0.3, 1, 3 and 10 % of its own length along its gradient, where the change of the "
        "gradient is relative, too. Three nets: batch norm, no norm, layer norm (whether it is batch norm alone that "
        "does it), each at its own best rate and at 0.01. Ratios count from a factor of 1.25 on. Which half is "
        "averaged was chosen after a pilot of one seed and fewer steps. The claim holds if beta is smaller with batch "
        "norm at the same rate, where both take the same steps, and for steps of the same relative length, each net "
        "at its own best rate."
    ),
    arms=(*_arms("batch", "batch norm"), *_arms("none", "no norm"), *_arms("layer", "layer norm")),
    measure=measure,
    comparisons=(
        _smoother("beta", "At the same rate, is beta smaller with batch norm?", same_rate=True, primary=True),
        _smoother(
            "relative beta",
            "For steps of the same relative length, is beta smaller with batch norm, each net at its own best rate?",
            same_rate=False,
            primary=True,
        ),
        _smoother("loss range", "At the same rate, does the loss vary less along the gradient?", same_rate=True),
        _smoother("gradient change", "At the same rate, does the gradient change less?", same_rate=True),
        _smoother("relative beta", "And beta for relative steps at the same rate?", same_rate=True),
        _smoother("relative loss range", "And the range of the loss for relative steps?", same_rate=False),
        _smoother("beta", "And beta, each at its own best rate?", same_rate=False),
        _smoother("beta", "At the same rate, is beta smaller with layer norm?", norm="layer norm", same_rate=True),
        _smoother(
            "relative beta",
            "And with layer norm for steps of the same relative length?",
            norm="layer norm",
            same_rate=False,
        ),
    ),
    figure=Figure(
        "curves",
        "beta over time",
        x="step",
        arms=tuple(f"{name}, rate {SAME_RATE}" for name in ("batch norm", "no norm", "layer norm")),
        title="Effective beta-smoothness at the same rate",
        x_title="step",
        y_title="change of the gradient / length of the step",
        log_y=True,
    ),
    figures=(
        Figure(
            "curves",
            "relative beta over time",
            x="step",
            arms=("batch norm", "no norm", "layer norm"),
            title="Smoothness for steps of the same relative length, each net at its own best rate",
            x_title="step",
            y_title="relative change of the gradient / relative step",
            log_y=True,
        ),
        Figure(
            "curves",
            "loss range over time",
            x="step",
            arms=tuple(f"{name}, rate {SAME_RATE}" for name in ("batch norm", "no norm", "layer norm")),
            title="Range of the loss along the gradient at the same rate",
            x_title="step",
            y_title="largest less smallest loss",
            log_y=True,
        ),
    ),
    advice=Advice(
        supported="With batch norm try a larger rate than without: the gradient holds for longer steps.",
        not_supported=(
            "Choose the rate of your net by a search (batchnorm lr-find), not by the belief that a norm has made its "
            "loss smooth: how smooth it is depends on how long a step is for the weights."
        ),
        undecided="Take more seeds: beta differs by powers of ten in the course of a training.",
    ),
    scopes={
        "quick": Scope(seeds=3, train_images=2_000, epochs=8, test_images=2_000, options={"looks": 10}),
        "standard": Scope(seeds=6, train_images=10_000, epochs=4, options={"looks": 20}),
        "thorough": Scope(seeds=10, train_images=60_000, epochs=3, options={"looks": 40}),
    },
    search=Search(grid=(0.003, 0.01, 0.03, 0.1, 0.3)),
    hours=0.3,
)
