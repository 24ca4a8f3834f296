"""Does batch norm replace L1, L2 and dropout, or does a net with it still gain from them?"""

from collections.abc import Iterable
from contextlib import nullcontext

from torch import Tensor, nn

from ...data import Split
from .._arm import OWN, Arm, Value
from .._claim import Advice, Claim
from .._comparison import Comparison
from .._data import drawn
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from .._search import Search
from .._training import OnStep, Trained
from ..measures import (
    dropout_before_last_layer,
    effective_rate,
    lengths,
    mean_length,
    scale_invariant_weights,
    set_lengths,
)

BATCH = 32
PROBE = 64
"""How many images say which weights have a length that does not matter."""
POINTS = 40


def measure(run: Run) -> Measured:
    """Train with a penalty, and tell how accurate the net is and how long its weights have become."""
    split = drawn(run.split("train"), int(str(run.scope.options["images"])))
    net = run.net()
    weights = _scale_invariant(run, net, split)
    path = _path_of_l2(run, split) if run.options["penalty"] == "lengths" else []
    steps, course = [0.0], [mean_length(weights)]
    every = max(run.scope.epochs * len(run.batches("train", BATCH, split=split)) // POINTS, 1)

    def on_step(step: int, loss: float) -> None:
        if step <= len(path):
            set_lengths(weights, path[step - 1])
        if step % every == 0:
            steps.append(float(step))
            course.append(mean_length(weights))

    trained = _trained(run, net, split, on_step, spared=weights.values() if path else ())
    if run.searching:
        return Measured({"validation accuracy": run.accuracy(net, "validation")}, diverged=trained.diverged)
    values = {"test accuracy": run.accuracy(net), "training accuracy": run.accuracy(net, "train", split=split)}
    if not weights:
        return Measured(values, diverged=trained.diverged)
    values["effective rate"] = effective_rate(float(str(run.options["lr"])), weights)
    return Measured(values, {"step": steps, "length": [one / course[0] for one in course]}, trained.diverged)


def _scale_invariant(run: Run, net: nn.Module, split: Split) -> dict[str, nn.Parameter]:
    images, _ = run.batches("train", PROBE, split=split).first()
    return scale_invariant_weights(net, images.to(run.device))


def _path_of_l2(run: Run, split: Split) -> list[dict[str, float]]:
    """Train the same net with L2, and return how long its weights were behind each step."""
    net, path = run.net(), list[dict[str, float]]()
    weights = _scale_invariant(run, net, split)
    _trained(run, net, split, lambda step, loss: path.append(lengths(weights)))
    return path


def _trained(run: Run, net: nn.Module, split: Split, on_step: OnStep, spared: Iterable[nn.Parameter] = ()) -> Trained:
    kind, strength = str(run.options["penalty"]), float(str(run.options["strength"]))
    without = {id(weight) for weight in spared}

    def penalty(net: nn.Module) -> Tensor:
        weights = [one for one in net.parameters() if one.dim() > 1 and id(one) not in without]
        sizes = [weight.abs().sum() if kind == "L1" else weight.square().sum() / 2 for weight in weights]
        return strength * sum(sizes[1:], sizes[0])

    dropped = kind == "dropout"
    with dropout_before_last_layer(net, strength, run.generator("dropout")) if dropped else nullcontext():
        return run.train(
            net,
            lr=float(str(run.options["lr"])),
            batch_size=BATCH,
            split=split,
            penalty=None if kind in ("none", "dropout") else penalty,
            on_step=on_step,
        )


NORMS = {"none": "no norm", "batch": "batch norm"}
STRENGTHS = {"none": 0.0, "L1": 1e-4, "L2": 3e-3, "dropout": 0.2, "lengths": 3e-3}
PENALTIES = ("none", "L1", "L2", "dropout")
RATE = 0.1


def _name(norm: str, penalty: str, lr: float | None = None) -> str:
    behind = {"none": "", "lengths": ", lengths of L2"}.get(penalty, f", {penalty}")
    return f"{NORMS[norm]}{behind}{'' if lr is None else f', rate {lr:g}'}"


def _arm(norm: str, penalty: str, lr: float | None = None) -> Arm:
    own: dict[str, Value] = {"strength": STRENGTHS[penalty], "lr": OWN if lr is None else lr}
    return Arm(_name(norm, penalty, lr), {"norm": norm, "penalty": penalty, **own})


def _gain(penalty: str, norm: str = "batch", lr: float | None = None, *, primary: bool = False) -> Comparison:
    """Whether a penalty makes a net more accurate."""
    at = "" if lr is None else f" at a rate of {lr:g}"
    return Comparison(
        f"{penalty}, {NORMS[norm]}{'' if lr is None else ', one rate'}",
        f"Does {penalty} make a net with {NORMS[norm]} more accurate{at}?",
        "test accuracy",
        _name(norm, penalty, lr),
        _name(norm, "none", lr),
        "greater",
        0.5,
        "points",
        primary=primary,
    )


def _interaction(penalty: str) -> Comparison:
    return Comparison(
        f"{penalty}, interaction",
        f"Does {penalty} gain less with batch norm than without?",
        "test accuracy",
        _name("batch", penalty),
        _name("batch", "none"),
        "less",
        0.5,
        "points",
        minus=(_name("none", penalty), _name("none", "none")),
        primary=False,
    )


CLAIM = Claim(
    id="l1-l2",
    title="L1 and L2 not replaced",
    statement="Batch norm does not replace L1 and L2 regularization: a net with batch norm still gains from both.",
    sources=(
        "Ioffe and Szegedy, Batch Normalization, 2015, section 4.2.1, who take a fifth of L2 (arXiv:1502.03167).",
        "van Laarhoven, L2 Regularization versus Batch and Weight Normalization, 2017 (arXiv:1706.05350).",
        "Hoffer, Banner, Golan and Soudry, Norm Matters, 2018 (arXiv:1803.01814).",
        "Zhang, Wang, Xu and Grosse, Three Mechanisms of Weight Decay Regularization, 2019 (arXiv:1810.12281).",
    ),
    protocol=(
        "A plain net, with batch norm and without, is trained on 2,000 images, few enough that with batch norm it "
        "comes to know them much better than others, in batches of 32, with no penalty, L1, L2, or dropout ahead of "
        "its last layer, each of these eight arms at its own best rate; with batch norm L2 is compared at one rate, "
        "0.1, as well. L2 adds 0.0015 |w|^2 and L1 0.0001 |w|_1 of all weights but those of norms and biases: in a "
        "training as short as this one, L2 has to be strong to shorten a weight at all; the strengths are the same "
        "with batch norm and without. The interaction is what a penalty gains with batch norm less what it gains "
        "without. Why it works: behind a norm the length of a weight changes no output, and L2 acts through the "
        "effective rate, lr / |w|^2, alone. So one arm has no L2 on these weights, but each is stretched behind "
        "each step to the length that it has in the training with L2. Margins: half a point of accuracy, about what "
        "seeds differ by; for the arm of stretched weights 0.75 points, since two trainings that should be the same "
        "drift apart as two seeds do; a factor of 1.2 for the effective rate."
    ),
    arms=(
        *(_arm(norm, penalty) for norm in NORMS for penalty in PENALTIES),
        *(_arm("batch", penalty, RATE) for penalty in ("none", "L2", "lengths")),
    ),
    measure=measure,
    comparisons=(
        _gain("L2", primary=True),
        _gain("L1", primary=True),
        _gain("dropout"),
        *(_gain(penalty, "none") for penalty in PENALTIES[1:]),
        *(_interaction(penalty) for penalty in PENALTIES[1:]),
        _gain("L2", lr=RATE),
        Comparison(
            "effective rate",
            "Does L2 raise the effective rate at which weights turn?",
            "effective rate",
            _name("batch", "L2", RATE),
            _name("batch", "none", RATE),
            "greater",
            1.2,
            "times",
            "ratio",
            primary=False,
        ),
        Comparison(
            "lengths",
            "Is a net as accurate whose weights are only stretched to the lengths that L2 gives them?",
            "test accuracy",
            _name("batch", "lengths", RATE),
            _name("batch", "L2", RATE),
            "equivalent",
            0.75,
            "points",
            primary=False,
        ),
    ),
    figure=Figure("dots", "test accuracy", title="Test accuracy by norm and penalty", y_title="test accuracy (%)"),
    figures=(
        Figure(
            "curves",
            "length",
            x="step",
            arms=tuple(_name("batch", penalty, RATE) for penalty in ("none", "L2", "lengths")),
            title="Weights that a norm follows grow, and L2 shortens them: that raises their effective rate",
            x_title="step",
            y_title="length, as a multiple of that at the start",
        ),
        Figure(
            "dots",
            "effective rate",
            arms=tuple(_name("batch", penalty, RATE) for penalty in ("none", "L2", "lengths")),
            title="Effective rate at the end",
            y_title="lr / |w|^2",
            log_y=True,
        ),
    ),
    advice=Advice(
        supported=(
            "Keep weight decay in a net with batch norm, and search it together with the learning rate, for it acts "
            "through the effective rate; leave weights and biases of norms out of it."
        ),
        not_supported=(
            "In trainings as short as this one, leave L1 and L2 out or keep them small; where they only raise the "
            "effective rate, a schedule of the learning rate does the same."
        ),
        undecided="Keep the weight decay that you have; more seeds or a longer training will tell.",
    ),
    scopes={
        "quick": Scope(3, 2_000, 3, 2_000, {"images": 2_000}),
        "standard": Scope(8, 10_000, 20, None, {"images": 2_000}),
        "thorough": Scope(16, 10_000, 40, None, {"images": 2_000}),
    },
    search=Search(grid=(0.01, 0.03, 0.1, 0.3)),
    hours=0.4,
)
