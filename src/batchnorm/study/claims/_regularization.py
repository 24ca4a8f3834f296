"""Does batch norm regularize, and is the noise of its batches the cause?"""

from typing import cast

from torch import nn

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
from .._training import OnStep
from ..measures import Course, Population

WATCHED = 1_000
"""How many images of either kind the losses on the way are of; accuracies are of all."""
POPULATION_BATCH = 250
LEVELS = (1.5, 1.2, 1.0, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Training losses at which the figure shows the gap."""


def measure(run: Run) -> Measured:
    """Train, and tell how far losses and accuracies on training images and on test images are apart."""
    batch, lr = int(str(run.options["batch"])), float(str(run.options["lr"]))
    split = drawn(run.split("train"), int(str(run.options["images"])))
    epochs = run.scope.epochs * int(str(run.options["passes"]))
    net, seen = run.net(), list[OnStep]()
    if run.options["norm"] == "population":
        images = run.batches("train", POPULATION_BATCH, split=split)
        seen.append(Population(net, images, every=int(str(run.scope.options["refresh"]))).seen)
    course = None if run.searching else _course(run, net, split, epochs * len(run.batches("train", batch, split=split)))
    seen += [course.seen] if course else []

    def on_step(step: int, loss: float) -> None:
        for one in seen:
            one(step, loss)

    trained = run.train(net, lr=lr, epochs=epochs, batch_size=batch, split=split, on_step=on_step)
    if course is None:
        return Measured({"validation accuracy": run.accuracy(net, "validation")}, diverged=trained.diverged)
    return _told(run, net, split, course, trained.diverged)


def _course(run: Run, net: nn.Module, split: Split, steps: int) -> Course:
    shown, others = drawn(split, WATCHED), drawn(run.split("test"), WATCHED)
    course = Course(
        training=lambda: run.loss(net, "train", split=shown),
        test=lambda: run.loss(net, "test", split=others),
        total=steps,
        points=int(str(run.scope.options["points"])),
    )
    course.look(0)
    return course


def _told(run: Run, net: nn.Module, split: Split, course: Course, diverged: str | None) -> Measured:
    training, test = run.accuracy(net, "train", split=split), run.accuracy(net)
    gap = course.mean_gap([float(str(level)) for level in cast(list[Value], run.scope.options["levels"])])
    values = {
        "test accuracy": test,
        "training accuracy": training,
        "gap": training - test,
        "gap at equal loss": gap,
        "gap at equal loss censored": float(gap != gap),
        "training loss": course.training_losses[-1],
        "test loss": course.test_losses[-1],
    }
    gaps = [course.gap_at(level) for level in LEVELS]
    return Measured(
        values, {"level": list(LEVELS), "gap at level": [None if gap != gap else gap for gap in gaps]}, diverged
    )


WORDS = {"none": "no norm", "batch": "batch norm", "ghost:8": "slices of 8", "ghost:32": "slices of 32"}
WORDS |= {"population": "whole set"}
PASSES = {(1_000, 32): 8, (1_000, 256): 10, (10_000, 32): 1, (10_000, 256): 1}


def _arm(norm: str, batch: int, images: int = 1_000, lr: float | None = None) -> Arm:
    rate = "" if lr is None else f", rate {lr:g}"
    options: dict[str, Value] = {"norm": norm, "batch": batch, "images": images, "passes": PASSES[images, batch]}
    name = f"{WORDS[norm]}, {batch} of {images:,}{rate}"
    return Arm(name, {**options, "whose": WORDS[norm], "lr": OWN if lr is None else lr})


AT = "gap at equal loss"
B32, N32 = "batch norm, 32 of 1,000", "no norm, 32 of 1,000"
B256, N256 = "batch norm, 256 of 1,000", "no norm, 256 of 1,000"

CLAIM = Claim(
    id="regularization",
    title="Regularization",
    statement=(
        "Batch norm regularizes: of two nets that fit their training images equally well, the one with batch norm "
        "has the lower test loss, and the noise of the batches' moments is the cause."
    ),
    sources=(
        "Ioffe and Szegedy, Batch Normalization, 2015, section 3.4 (arXiv:1502.03167).",
        "Luo et al., Towards Understanding Regularization in Batch Normalization, 2019 (arXiv:1809.00846).",
        "Hoffer, Hubara and Soudry, Train Longer, Generalize Better, 2017, section 4 (arXiv:1705.08741).",
    ),
    protocol=(
        "A plain net, with batch norm and without, is trained on 1,000 and on 10,000 images, in batches of 32 and "
        "of 256, each arm at its own best rate and, on 1,000 images in batches of 32, at one rate for both. At 20 "
        "evenly spaced steps the cross entropy is taken on 1,000 training and 1,000 test images, in evaluation "
        "mode. The gap at equal loss is the test loss less the training loss where the training loss first comes "
        "down to a level, the mean over the levels 0.9, 0.8, 0.7, 0.6 and 0.5: a net that has learnt less has a "
        "smaller gap at the end of a training for that alone, so that the gap at the end, in points of accuracy, is "
        "shown and does not decide. A net that never gets to 0.5 has no such gap, and is counted as censored. For "
        "the cause, the batch that a step of SGD sees is 256 throughout, and only whose moments normalize differs: "
        "slices of 8 or 32 images (more noise than 256), the whole training set (none; measured again every two "
        "steps). Margins: 0.02 nats, a tenth of the gap of about 0.2 that a net has there which knows 1,000 images; "
        "and half a point of accuracy, which is about what two seeds of one arm differ by."
    ),
    arms=(
        _arm("none", 32),
        _arm("batch", 32),
        _arm("none", 256),
        _arm("batch", 256),
        _arm("ghost:8", 256),
        _arm("ghost:32", 256),
        _arm("population", 256),
        _arm("none", 32, lr=0.03),
        _arm("batch", 32, lr=0.03),
        _arm("none", 32, 10_000),
        _arm("batch", 32, 10_000),
        _arm("none", 256, 10_000),
        _arm("batch", 256, 10_000),
    ),
    measure=measure,
    comparisons=(
        Comparison("gap", "Is the gap smaller with it, at equal training loss?", AT, B32, N32, "less", 0.02, "nats"),
        Comparison(
            "noise",
            "Is the gap smaller where slices of 8 make the moments noisier?",
            AT,
            "slices of 8, 256 of 1,000",
            B256,
            "less",
            0.02,
            "nats",
        ),
        Comparison(
            "less noise",
            "Is the gap larger where the moments have no noise?",
            AT,
            "whole set, 256 of 1,000",
            B256,
            "greater",
            0.02,
            "nats",
            primary=False,
        ),
        Comparison(
            "batches", "Is it smaller in batches of 32 than of 256?", AT, B32, B256, "less", 0.02, "nats", primary=False
        ),
        Comparison(
            "one rate",
            "Is the gap smaller with it at a rate of 0.03 for both?",
            AT,
            f"{B32}, rate 0.03",
            f"{N32}, rate 0.03",
            "less",
            0.02,
            "nats",
            primary=False,
        ),
        *(
            Comparison(
                f"accuracy, {batch} of {images:,}",
                f"Is it more accurate on test images ({images:,} training images in batches of {batch})?",
                "test accuracy",
                f"batch norm, {batch} of {images:,}",
                f"no norm, {batch} of {images:,}",
                "greater",
                0.5,
                "points",
                primary=False,
            )
            for images in (1_000, 10_000)
            for batch in (32, 256)
        ),
        Comparison(
            "accuracy, slices",
            "Are slices of 8 more accurate than the batch of 256?",
            "test accuracy",
            "slices of 8, 256 of 1,000",
            B256,
            "greater",
            0.5,
            "points",
            primary=False,
        ),
        Comparison(
            "gap at the end",
            "Are training and test accuracy closer together with it when the training ends?",
            "gap",
            B32,
            N32,
            "less",
            0.5,
            "points",
            primary=False,
        ),
    ),
    figure=Figure(
        "curves",
        "gap at level",
        x="level",
        arms=(N32, B32, B256, "slices of 8, 256 of 1,000", "whole set, 256 of 1,000"),
        title="How far the test loss lies above the training loss, the further the training has got",
        x_title="training loss (nats)",
        y_title="test loss less training loss (nats)",
    ),
    figures=(
        Figure("dots", AT, title="Gap at equal training loss", y_title="test loss less training loss (nats)"),
        Figure("dots", "test accuracy", title="Test accuracy at the end", y_title="test accuracy (%)"),
        Figure("dots", "gap", title="Gap at the end", y_title="training less test accuracy (points)"),
    ),
    advice=Advice(
        supported=(
            "With little data, smaller batches or slices of them (ghost batch norm) are worth a try before other "
            "regularization; expect a larger gap where statistics are shared by many images."
        ),
        not_supported=(
            "Do not count on batch norm as a regularizer: it trains faster, and what it gains in accuracy is of that. "
            "Keep weight decay, augmentation and early stopping, and do not shrink batches for the sake of noise."
        ),
        undecided="Keep the regularization that you have; repeat it with more seeds if you would drop some of it.",
    ),
    scopes={
        "quick": Scope(3, 2_000, 2, 2_000, {"points": 20, "levels": [1.2, 1.1, 1.0, 0.9], "refresh": 2}),
        "standard": Scope(6, 10_000, 4, None, {"points": 20, "levels": [0.9, 0.8, 0.7, 0.6, 0.5], "refresh": 2}),
        "thorough": Scope(12, 10_000, 8, None, {"points": 40, "levels": [0.8, 0.7, 0.6, 0.5, 0.4, 0.3], "refresh": 1}),
    },
    search=Search(grid=(0.01, 0.03, 0.1, 0.3, 1.0)),
    hours=0.5,
)
