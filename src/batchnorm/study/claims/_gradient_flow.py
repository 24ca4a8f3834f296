"""Does batch norm keep gradients from vanishing and exploding?"""

import copy
from collections.abc import Iterable
from itertools import product

from torch import Tensor, nn

from .._arm import OWN, Arm, Value
from .._claim import Advice, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from .._search import Search
from ..measures import EXPLOSION, gradient_by_layer, gradient_range, growth_per_layer
from ._deep_net import deep_net

NORMS = {"batch": "batch norm", "none": "no norm"}
ACTIVATIONS = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU"}
SAME_RATE = 0.01
PROBE = {"plain": 64, "skips": 64, "dense": 512}
"""How many images the gradient is taken of."""


def _kind(net: str, activation: str) -> str:
    before, behind = {"plain": ("", ""), "skips": ("", " with skips"), "dense": ("dense ", "")}[net]
    return f"{before}{ACTIVATIONS[activation]}{behind}"


def _name(net: str, activation: str, layers: int, norm: str, lr: str | float | None = None) -> str:
    rate = "" if lr == OWN else f" at {lr}"
    training = "" if lr is None else f", trained{rate}"
    return f"{_kind(net, activation)}, {layers} layers, {NORMS[norm]}{training}"


def _arms(net: str, activation: str, depths: Iterable[int], lr: str | float | None = None) -> tuple[Arm, ...]:
    found = []
    for layers, norm in product(depths, NORMS):
        options: dict[str, Value] = {"net": net, "activation": activation, "layers": layers, "norm": norm}
        options["kind"] = f"{_kind(net, activation)}, {NORMS[norm]}"
        if lr is not None:
            options["lr"] = lr
        found.append(Arm(_name(net, activation, layers, norm, lr), options))
    return tuple(found)


PLAIN = tuple(arm for activation in ACTIVATIONS for arm in _arms("plain", activation, (5, 10, 20, 50)))
SKIPS = _arms("skips", "relu", (8, 20, 50))
DENSE = _arms("dense", "relu", (20,))
TRAINED = _arms("plain", "relu", (5, 20, 50), OWN) + _arms("skips", "relu", (50,), OWN)
AT_SAME_RATE = _arms("plain", "relu", (20,), SAME_RATE)


def _is_quick(arm: Arm) -> bool:
    return arm.options["layers"] == 20 if arm in TRAINED else arm.options["layers"] in (5, 20, 50)


def measure(run: Run) -> Measured:
    """Take the gradient by layer of a net at its initialization, or behind a training."""
    net = deep_net(run)
    if "lr" not in run.options:
        return _gradients(run, net)
    trained = run.train(net, lr=float(str(run.options["lr"])))
    if run.searching:
        return Measured({"validation accuracy": run.accuracy(net, "validation")}, diverged=trained.diverged)
    found = _gradients(run, net)
    accuracy = {"accuracy": run.accuracy(net)}
    return Measured(accuracy | dict(found.values), found.series, trained.diverged)


def _gradients(run: Run, net: nn.Module) -> Measured:
    """In float64: without a norm, the gradients of 50 sigmoid layers are below what float32 can hold the squares of."""
    images, labels = _probe(run)
    gradients = gradient_by_layer(copy.deepcopy(net).double(), images.double(), labels)
    values = {"growth per layer": growth_per_layer(gradients), "gradient range": gradient_range(gradients)}
    return Measured(values, {"gradient by layer": gradients})


def _probe(run: Run) -> tuple[Tensor, Tensor]:
    batches = run.batches("train", PROBE[str(run.options["net"])], shuffle=True)
    images, labels = next(batches.epoch(run.seed))
    return images.to(run.device), labels.to(run.device)


def _evener(activation: str, net: str = "plain", lr: str | float | None = None, *, primary: bool = False) -> Comparison:
    parts = ("evener", activation, *(() if net == "plain" else (net,)), *(() if lr is None else ("trained",)))
    trained = "" if lr is None else ", once trained,"
    return Comparison(
        id="-".join(parts),
        question=f"Are the gradients of 50 layers ({_kind(net, activation)}){trained} closer together with batch norm?",
        value="gradient range",
        arm=_name(net, activation, 50, "batch", lr),
        than=_name(net, activation, 50, "none", lr),
        rule="less",
        margin=0.3,
        unit="powers of ten",
        primary=primary,
    )


def _better(layers: int, net: str = "plain", lr: str | float = OWN, *, primary: bool = False) -> Comparison:
    parts = ("better", str(layers), *(() if net == "plain" else (net,)), *(() if lr == OWN else ("same-rate",)))
    rate = "" if lr == OWN else f" at the rate {lr}"
    return Comparison(
        id="-".join(parts),
        question=f"Is a net of {layers} layers ({_kind(net, 'relu')}), trained{rate}, more accurate with batch norm?",
        value="accuracy",
        arm=_name(net, "relu", layers, "batch", lr),
        than=_name(net, "relu", layers, "none", lr),
        rule="greater",
        margin=1.0,
        unit="points",
        primary=primary,
    )


CLAIM = Claim(
    id="gradient-flow",
    title="Gradient flow",
    statement="Batch norm keeps gradients from vanishing and from exploding on their way through a deep net.",
    sources=(
        "Ioffe and Szegedy, 2015, sections 1 and 3.3, arXiv:1502.03167.",
        "Yang, Pennington, Rao, Sohl-Dickstein and Schoenholz, 2019, arXiv:1902.08129 (that gradients explode).",
        "He, Zhang, Ren and Sun, 2015, section 4.2, arXiv:1512.03385 (the nets).",
    ),
    protocol=(
        "At initialization: plain nets of 5, 10, 20 and 50 layers (3x3 convolutions in three stages of 8, 16 and 32 "
        "channels, and a linear classifier) with sigmoid, tanh or ReLU, and ReLU nets of 8, 20 and 50 layers with "
        "skips; He's initialization for ReLU, Glorot's for the others, the same weights with batch norm and without a "
        "norm. Measured is the norm of the loss's gradient with respect to each hidden layer's input, for 64 training "
        "images in float64: how many powers of ten lie between the largest and the smallest of a net, and by which "
        "factor it grows from one layer to the one below it. The margin of 0.3 powers of ten is a factor of 2, which "
        "a change of the learning rate makes up for. Dense ReLU nets (20 layers of 512, 512 images) are held against "
        "the factor that theory gives, the square root of pi / (pi - 1) = 1.211. Trained, each at its own best rate: "
        "ReLU nets of 5, 20 and 50 layers, and of 50 with skips; that of 20 layers also at 0.01; momentum 0.9, batch "
        "128, cosine schedule. The margin of 1 point is the least for which we would choose one net over another. The "
        "claim holds if all of its main questions are answered by yes: for vanishing gradients (sigmoid), for "
        "exploding ones (ReLU), and for the accuracy of a deep net."
    ),
    arms=(*PLAIN, *SKIPS, *DENSE, *TRAINED, *AT_SAME_RATE),
    measure=measure,
    comparisons=(
        _evener("sigmoid", primary=True),
        _evener("relu", primary=True),
        _better(20, primary=True),
        _evener("tanh"),
        _evener("relu", "skips"),
        _evener("relu", lr=OWN),
        Comparison(
            id="explosion",
            question="Do gradients of dense ReLU nets with batch norm explode by 1.211 per layer, as theory says?",
            value="growth per layer",
            arm=_name("dense", "relu", 20, "batch"),
            than=EXPLOSION,
            rule="equivalent",
            margin=0.02,
            unit="per layer",
            primary=False,
        ),
        _better(20, lr=SAME_RATE),
        _better(5),
        _better(50),
        _better(50, "skips"),
    ),
    figure=Figure(
        "layers",
        "gradient by layer",
        arms=tuple(
            _name(net, activation, 50, norm)
            for net, activation in (("plain", "sigmoid"), ("plain", "tanh"), ("plain", "relu"), ("skips", "relu"))
            for norm in NORMS
        ),
        title="The gradient by layer in nets of 50 layers at initialization",
        x_title="hidden layer, from the images to the classifier",
        y_title="norm of the gradient",
        log_y=True,
    ),
    figures=(
        Figure(
            "axis",
            "growth per layer",
            x="layers",
            group="kind",
            arms=tuple(arm.name for arm in (*PLAIN, *SKIPS)),
            title="By which factor the gradient grows from one layer to the one below it",
            x_title="layers",
            y_title="factor per layer",
            log_x=True,
            log_y=True,
        ),
        Figure(
            "axis",
            "accuracy",
            x="layers",
            group="kind",
            arms=tuple(arm.name for arm in TRAINED),
            title="What ReLU nets reach, each at its own best rate",
            x_title="layers",
            y_title="test accuracy (%)",
            log_x=True,
        ),
    ),
    advice=Advice(
        supported="In deep nets without skips, put a batch norm behind every layer.",
        not_supported=(
            "Do not rely on batch norm alone for depth: see below for which activation it fails. Against vanishing "
            "gradients of saturating activations it helps; from some 20 layers on give the net skips, with the norm "
            "inside of them, since gradients explode from norm to norm."
        ),
        undecided=(
            "Take more seeds or more images: untrained nets are cheap to measure, trained ones of 50 layers are not."
        ),
    ),
    scopes={
        "quick": Scope(
            seeds=3,
            train_images=2_000,
            epochs=4,
            test_images=2_000,
            arms=tuple(arm.name for arm in (*PLAIN, *SKIPS, *DENSE, *TRAINED) if _is_quick(arm)),
        ),
        "standard": Scope(seeds=6, train_images=10_000, epochs=2),
        "thorough": Scope(seeds=10, train_images=60_000, epochs=3),
    },
    search=Search(grid=(0.003, 0.01, 0.03, 0.1)),
    hours=0.4,
)
