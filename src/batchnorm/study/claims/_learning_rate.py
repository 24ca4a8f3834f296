"""Does batch norm allow higher learning rates?"""

import math
from collections.abc import Mapping

from ...records import Scale
from .._arm import Arm
from .._claim import Advice, ByArm, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from ..measures import accuracy_reached, exploded, largest_that_works, trained_at_all, workable

BATCH = 32
NORMS = {"batch norm": "batch", "no norm": "none"}
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
LOWEST, HIGHEST = 0.001, 100.0
"""Between these the largest rate is looked for."""
NEAR = 5.0
"""A rate suits a net if its accuracy is within so many points of the net's best one."""


def _at(norm: str, rate: float) -> str:
    return f"{norm}, rate {rate:g}"


def measure(run: Run) -> Measured:
    """Train once at a rate, or again and again to find the largest that still trains."""
    if "lr" not in run.options:
        return _largest(run)
    net = run.net()
    trained = run.train(net, lr=float(str(run.options["lr"])), batch_size=BATCH)
    return Measured({"accuracy": accuracy_reached(run, net, trained)}, diverged=trained.diverged)


def _largest(run: Run) -> Measured:
    """Every try begins with the same weights and sees the same images."""
    found = largest_that_works(
        lambda rate: _trains(run, rate), LOWEST, HIGHEST, int(str(run.scope.options["halvings"]))
    )
    return Measured({"largest rate": found.value, "largest rate censored": float(found.censored)})


def _trains(run: Run, rate: float) -> bool:
    losses: list[float] = []

    def ended(step: int, loss: float) -> bool:
        losses.append(loss)
        return exploded(loss, losses[0])

    epochs = int(str(run.scope.options["epochs of a try"]))
    trained = run.train(run.net(), lr=rate, epochs=epochs, batch_size=BATCH, schedule="constant", on_step=ended)
    return trained_at_all(trained.losses, len(run.info.classes))


def derive(by_arm: ByArm) -> ByArm:
    """Say over how many decades of rates each net's accuracy is near its best, and where that range ends."""
    found = {}
    for norm in NORMS:
        by_rate = {rate: by_arm[_at(norm, rate)]["accuracy"] for rate in RATES if _at(norm, rate) in by_arm}
        found[f"{norm}, all rates"] = _near_the_best(by_rate)
    return found


def _near_the_best(by_rate: Mapping[float, float]) -> dict[str, float]:
    """Return the range's end and width; where it ends with what was tried, they are lower bounds."""
    best = max(by_rate.values(), default=math.nan)
    near = workable(by_rate, best - NEAR)
    if near is None:
        return dict.fromkeys(("best accuracy", "decades near the best", "highest rate near the best"), math.nan)
    cut_high = near.high == max(by_rate)
    return {
        "best accuracy": best,
        "decades near the best": near.decades,
        "decades near the best censored": float(cut_high or near.low == min(by_rate)),
        "highest rate near the best": near.high,
        "highest rate near the best censored": float(cut_high),
    }


def _greater(
    id_: str, question: str, value: str, margin: float, unit: str = "times", *, primary: bool = False
) -> Comparison:
    of = "largest rate" if value == "largest rate" else "all rates"
    scale: Scale = "ratio" if unit == "times" else "difference"
    arms = (f"batch norm, {of}", f"no norm, {of}")
    return Comparison(id_, question, value, *arms, "greater", margin, unit, scale, primary=primary)


CLAIM = Claim(
    id="learning-rate",
    title="Higher learning rates",
    statement="A net with batch norm still trains at learning rates at which the same net without it does not.",
    sources=(
        "Ioffe and Szegedy, Batch normalization, 2015, arXiv:1502.03167, sections 3.3 and 4.2.2 (5 and 30 times the "
        "rate; at 5 times, the net without batch norm diverged).",
        "Bjorck, Gomes, Selman and Weinberger, Understanding batch normalization, 2018, arXiv:1806.02375, section 3.",
    ),
    protocol=(
        "A plain net of 6 convolutions is trained by SGD (momentum 0.9, batches of 32), with batch norm and without. "
        "The largest rate that still trains is looked for from 100 downwards, by half powers of ten and then by "
        "bisection on a logarithmic scale, each try at a constant rate from the same weights. A rate trains if no loss "
        "is infinite, not a number, or above 1,000 times the first, and if the mean of the last 20 is below 0.8 times "
        "the loss of guessing, ln(classes): a net can die without any number growing. Beside it, nets are trained at "
        "rates from 0.003 to 10 with a cosine schedule; one that diverges counts as guessing. The margin is a factor "
        "of 2, for most grids are no finer; whether it is the factor of 5 of the paper is asked besides, and whether "
        "the rates within 5 points of a net's best accuracy span at least a quarter of a power of ten more."
    ),
    arms=(
        *(Arm(_at(name, rate), {"norm": norm, "lr": rate}) for name, norm in NORMS.items() for rate in RATES),
        *(Arm(f"{name}, largest rate", {"norm": norm}) for name, norm in NORMS.items()),
    ),
    measure=measure,
    derive=derive,
    comparisons=(
        _greater(
            "largest", "Is the largest rate that trains at least twice as high?", "largest rate", 2.0, primary=True
        ),
        _greater("as-in-paper", "Is the largest rate that trains at least 5 times as high?", "largest rate", 5.0),
        _greater(
            "useful",
            "Is the highest rate within 5 points of the best accuracy at least twice as high?",
            "highest rate near the best",
            2.0,
        ),
        _greater(
            "range",
            "Is the range of rates within 5 points of the best accuracy wider?",
            "decades near the best",
            0.25,
            "powers of ten",
        ),
        _greater("best", "Is the best accuracy at any rate higher?", "best accuracy", 1.0, "points"),
    ),
    figure=Figure(
        "axis",
        "accuracy",
        x="lr",
        group="norm",
        arms=tuple(_at(name, rate) for name in NORMS for rate in RATES),
        title="Accuracy over the learning rate",
        x_title="learning rate",
        y_title="test accuracy (%)",
        log_x=True,
    ),
    figures=(
        Figure(
            "dots",
            "largest rate",
            arms=tuple(f"{name}, largest rate" for name in NORMS),
            title="The largest rate that still trains",
            y_title="learning rate",
            log_y=True,
        ),
    ),
    advice=Advice(
        supported="When you add batch norm, search the learning rate again, and upwards: begin with twice the old one.",
        not_supported="Do not raise the rate because a norm is there: on your net and data it does not bear more.",
        undecided="Take more seeds; until then search the rate on a grid that goes beyond the one without batch norm.",
    ),
    scopes={
        "quick": Scope(
            3,
            2_000,
            2,
            test_images=1_000,
            options={"halvings": 3, "epochs of a try": 2},
            arms=(
                *(f"{name}, largest rate" for name in NORMS),
                *(_at(name, rate) for name in NORMS for rate in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
            ),
        ),
        "standard": Scope(6, 10_000, 2, options={"halvings": 4, "epochs of a try": 1}),
        "thorough": Scope(10, 60_000, 3, options={"halvings": 5, "epochs of a try": 1}),
    },
    hours=0.2,
)
