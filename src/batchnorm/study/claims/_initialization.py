"""Does batch norm make initialization matter less?"""

import math
from collections.abc import Mapping

from torch import nn

from .._arm import OWN, Arm, Value
from .._claim import Advice, ByArm, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from .._search import Search
from ..measures import accuracy_reached, guessing, initialize, workable

BATCH = 32
NORMS = {"batch norm": "batch", "no norm": "none"}
SCALES = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
SCHEMES = ("kaiming", "xavier", "orthogonal", "normal")
DEPTH = 6
RATE = 0.03
LOST = 10.0
"""A scale is workable if the accuracy is within so many points of the best at any scale."""


def _scaled(norm: str, scale: float) -> str:
    return f"{norm}, scale {scale:g}"


def _drawn(norm: str, scheme: str) -> str:
    return _scaled(norm, 1.0) if scheme == "kaiming" else f"{norm}, {scheme}"


def _deep(norm: str, scale: float, depth: int) -> str:
    return f"{_scaled(norm, scale)}, {depth} layers, rate {RATE}"


def _arm(name: str, norm: str, scheme: str, scale: float, **more: Value) -> Arm:
    return Arm(name, {"norm": NORMS[norm], "init": scheme, "scale": scale, "lr": OWN, **more})


OWN_RATE = (
    *(_arm(_scaled(norm, scale), norm, "kaiming", scale) for norm in NORMS for scale in SCALES),
    *(_arm(_drawn(norm, scheme), norm, scheme, 1.0) for norm in NORMS for scheme in SCHEMES[1:]),
)
SAME_RATE = tuple(
    _arm(_deep(norm, scale, depth), norm, "kaiming", scale, lr=RATE, depth=depth)
    for norm in NORMS
    for depth in (3, DEPTH, 12)
    for scale in SCALES
    if depth == DEPTH or scale not in (0.3, 3.0)
)


def measure(run: Run) -> Measured:
    """Draw the weights, multiply them, and train."""
    net = _net(run)
    if net is None:
        return Measured({"accuracy": math.nan, "guessing": guessing(run)})
    scale = float(str(run.options["scale"]))
    initialize(net, str(run.options["init"]), scale, run.generator("initial weights"))
    trained = run.train(net, lr=float(str(run.options["lr"])), batch_size=BATCH)
    values = {"accuracy": accuracy_reached(run, net, trained), "guessing": guessing(run)}
    return Measured(values, diverged=trained.diverged)


def _net(run: Run) -> nn.Module | None:
    """Build the net; None for other depths than its own of a net that the caller has named."""
    depth = run.options.get("depth", DEPTH)
    if run.model is None:
        return run.net(depth=depth)
    return run.net() if depth == DEPTH else None


def derive(by_arm: ByArm) -> ByArm:
    """Say over how many decades of scales each net works, and how far apart the four schemes are."""
    found: dict[str, Mapping[str, float]] = {}
    for ending, name_of in {"": _scaled, f", rate {RATE}": _at_the_same_rate}.items():
        for norm in NORMS:
            values = {scale: by_arm[name] for scale in SCALES if (name := name_of(norm, scale)) in by_arm}
            found[f"{norm}, all scales{ending}"] = _width(values)
    for norm in NORMS:
        by_scheme = [by_arm[name]["accuracy"] for scheme in SCHEMES if (name := _drawn(norm, scheme)) in by_arm]
        spread = max(by_scheme) - min(by_scheme) if len(by_scheme) == len(SCHEMES) else math.nan
        found[f"{norm}, all schemes"] = {"spread of accuracy": spread}
    return found


def _at_the_same_rate(norm: str, scale: float) -> str:
    return _deep(norm, scale, DEPTH)


def _width(by_scale: Mapping[float, Mapping[str, float]]) -> dict[str, float]:
    """Return the width in powers of ten; where the range ends with what was tried, it is a lower bound."""
    if not by_scale:
        return {"workable decades": math.nan}
    accuracy = {scale: values["accuracy"] for scale, values in by_scale.items()}
    trained = 2 * next(iter(by_scale.values()))["guessing"]
    range_ = workable(accuracy, max(max(accuracy.values()) - LOST, trained))
    if range_ is None:
        return {"workable decades": 0.0}
    cut = range_.low == min(accuracy) or range_.high == max(accuracy)
    return {"workable decades": range_.decades, "workable decades censored": float(cut)}


def _wider(id_: str, question: str, ending: str, *, primary: bool) -> Comparison:
    arms = (f"batch norm, all scales{ending}", f"no norm, all scales{ending}")
    return Comparison(id_, question, "workable decades", *arms, "greater", 0.5, "powers of ten", primary=primary)


CLAIM = Claim(
    id="initialization",
    title="Less careful initialization",
    statement="With batch norm a net trains from initial weights of a wider range of scales than without it.",
    sources=(
        "Ioffe and Szegedy, Batch normalization, 2015, arXiv:1502.03167, abstract and section 3.3 (a layer behind "
        "which a norm stands gives the same whatever its weights are multiplied by).",
    ),
    protocol=(
        "The weights of a plain net of 6 convolutions are drawn by He's scheme (kaiming) and multiplied by 1/100 to "
        "100, all but those of the classifier, behind which no norm stands; or they are drawn by Glorot's scheme "
        "(xavier), as orthogonal matrices, or with a standard deviation of 0.01 (normal). The net is trained by SGD "
        "(momentum 0.9, batches of 32, cosine schedule), with batch norm and without, each arm at the best rate of a "
        "search of its own; beside it, nets of 3, 6 and 12 convolutions all train at a rate of 0.03. A training that "
        "diverges counts as guessing. A scale is workable if the accuracy is within 10 points of the best that the "
        "same kind of net has at any scale; there is none where that is below twice the accuracy of guessing. Between "
        "scales the accuracy is interpolated over their logarithm, and the range ends at 1/100 and 100. The margin is "
        "half a power of ten, a factor of 3: initializations in use differ by no more in their scale. Of the four "
        "schemes the difference between the best and the worst is compared, by a margin of 2 points."
    ),
    arms=(*OWN_RATE, *SAME_RATE),
    measure=measure,
    derive=derive,
    comparisons=(
        _wider("scales", "Is the range of workable scales wider, each at its own best rate?", "", primary=True),
        _wider("same-rate", "Is it wider at a rate of 0.03?", f", rate {RATE}", primary=False),
        Comparison(
            "schemes",
            "Does the choice among four schemes matter less, each at its own best rate?",
            "spread of accuracy",
            "batch norm, all schemes",
            "no norm, all schemes",
            "less",
            2.0,
            "points",
            primary=False,
        ),
    ),
    figure=Figure(
        "axis",
        "accuracy",
        x="scale",
        group="norm",
        arms=tuple(_scaled(norm, scale) for norm in NORMS for scale in SCALES),
        title="Accuracy over the scale of the initial weights, each at its own best rate",
        x_title="factor on the initial weights",
        y_title="test accuracy (%)",
        log_x=True,
    ),
    figures=(
        Figure(
            "heatmap",
            "accuracy",
            x="scale",
            y="depth",
            group="norm",
            arms=tuple(arm.name for arm in SAME_RATE),
            title=f"Accuracy over the scale of the initial weights and depth, at a rate of {RATE}",
            x_title="factor on the initial weights",
            y_title="convolutions",
            log_x=True,
        ),
        Figure(
            "dots",
            "accuracy",
            arms=tuple(_drawn(norm, scheme) for norm in NORMS for scheme in SCHEMES),
            title="Accuracy by scheme of initialization, each at its own best rate",
            y_title="test accuracy (%)",
        ),
    ),
    advice=Advice(
        supported="Where norms follow the layers, take any usual initialization; spend the time on the learning rate, "
        "for what initial weights are multiplied by still changes how fast they turn.",
        not_supported="Choose the initialization with as much care as without a norm.",
        undecided="Take more seeds; until then choose He's initialization for ReLU, with a norm or without.",
    ),
    scopes={
        "quick": Scope(
            3,
            2_000,
            2,
            test_images=1_000,
            arms=tuple(_scaled(norm, scale) for norm in NORMS for scale in (0.01, 0.1, 1.0, 10.0, 100.0)),
        ),
        "standard": Scope(6, 10_000, 1),
        "thorough": Scope(10, 60_000, 1),
    },
    search=Search(grid=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), value="accuracy"),
    hours=0.4,
)
