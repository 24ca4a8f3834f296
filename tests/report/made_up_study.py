"""A study with made-up numbers, as large as one may be, for the tests of its page."""

import math
import random

from batchnorm.records import (
    Study,
    StudyAdvice,
    StudyArm,
    StudyClaim,
    StudyComparison,
    StudyFigure,
    StudyRun,
    StudyRuns,
)

SEEDS = (0, 1, 2, 3, 4, 5)
KINDS = ("dots", "curves", "axis", "heatmap", "layers", "ridges")


def comparison(verdict: str, effects: tuple[float, ...], **others: object) -> StudyComparison:
    """A comparison whose interval is a made-up one around the mean of its effects."""
    middle = sum(effects) / len(effects)
    half = 1.05 * math.sqrt(sum((one - middle) ** 2 for one in effects) / (len(effects) - 1))
    given = {
        "id": "accuracy",
        "question": "Is its test accuracy higher?",
        "value": "test accuracy",
        "arm": "batch norm",
        "than": "none",
        "rule": "greater",
        "margin": 1.0,
        "unit": "points",
        "scale": "difference",
        "primary": True,
        "unpaired_interval": None,
        "p": 0.01,
        "holm_p": 0.05,
        "holm_verdict": "undecided",
        "detectable": 1.25,
        "problem": None,
    }
    interval = (middle - half, middle + half)
    return StudyComparison(
        **{**given, **others}, effect=middle, interval=interval, seeds=len(effects), effects=effects, verdict=verdict
    )


def figure(kind: str) -> StudyFigure:
    """A figure of each kind, of what the made-up runs have."""
    return {
        "dots": StudyFigure("dots", "test accuracy", title="Test accuracy by arm", y_title="test accuracy, %"),
        "curves": StudyFigure("curves", "validation accuracy", x="step", title="Accuracy by step", y_title="%"),
        "axis": StudyFigure("axis", "test accuracy", x="lr", group="norm", log_x=True, title="Over the rates"),
        "heatmap": StudyFigure("heatmap", "test accuracy", x="lr", y="depth", group="norm", title="Rates and depths"),
        "layers": StudyFigure("layers", "gradient norm", log_y=True, title="Gradient by layer"),
        "ridges": StudyFigure("ridges", "quantiles", x="step", title="Inputs of the last layer over time"),
    }[kind]


def arms(kind: str) -> tuple[StudyArm, ...]:
    """Arms with the options that the figure's axes need."""
    if kind not in ("axis", "heatmap"):
        names = ("batch norm", "none", "layer norm <b>", "group norm")
        return tuple(StudyArm(name, {"norm": name.split()[0], "lr": 0.1}) for name in names)
    depths = (5, 20, 50) if kind == "heatmap" else (6,)
    options = [
        {"norm": norm, "lr": lr, "depth": depth}
        for norm in ("batch norm", "none")
        for lr in (0.01, 0.1, 1.0, 10.0)
        for depth in depths
    ]
    return tuple(StudyArm(" ".join(map(str, one.values())), one) for one in options)


def run(arm: StudyArm, number: int, seed: int) -> StudyRun:
    """A run with a value and series for every kind of figure."""
    draw = random.Random(1000 * number + seed)  # noqa: S311  # made-up numbers
    lost = arm.options["norm"] == "none" and arm.options["lr"] >= 1
    top = 10.0 if lost else 88 - 3 * (number % 4) + draw.gauss(0, 0.5)
    steps = [*range(0, 240, 6)]
    level = [[draw.gauss(q, 0.05) * (1 + t / 9) for q in (-1.6, -0.7, 0, 0.7, 1.6)] for t in range(12)]
    return StudyRun(
        key=f"{number:032x}{seed:032x}",
        arm=arm.name,
        options=arm.options,
        seed=seed,
        searching=False,
        status="diverged" if lost else "done",
        reason="its loss was not finite from step 12 on" if lost else None,
        values={"test accuracy": top, "steps to 85 %": 120.0 + 20 * number + draw.gauss(0, 6), "loss": draw.random()},
        series={
            "step": steps,
            "validation accuracy": [top * (1 - math.exp(-step / (20 + 9 * number))) for step in steps],
            "gradient norm": [1.21 ** (number * layer / 2) * draw.uniform(0.9, 1.1) for layer in range(20)],
            "quantiles": level,
        },
        seconds=30.0,
    )


def claim(number: int, title: str, verdict: str, kind: str) -> tuple[StudyClaim, StudyRuns]:
    """A claim and its runs; the effect lies where its verdict says."""
    name = title.rsplit(maxsplit=1)[-1].strip(".,?!").lower() + str(number)
    middle = {"supported": 2.0 + number, "not supported": -0.4, "undecided": 0.8}[verdict]
    draw = random.Random(number)  # noqa: S311  # made-up numbers
    effects = tuple(middle + draw.gauss(0, 0.5) for _ in SEEDS)
    ratio = tuple(1.2 + draw.gauss(0, 0.1) for _ in SEEDS)
    beside = comparison(
        "undecided", ratio, id="steps", question="Does it reach 85 % in fewer steps?", value="steps to 85 %",
        unit="times", scale="ratio", margin=1.2, primary=False, holm_verdict=None, holm_p=None,
    )  # fmt: skip
    has = arms(kind)
    runs = tuple(run(arm, n, seed) for n, arm in enumerate(has) for seed in SEEDS)
    head = comparison(verdict, effects)
    return StudyClaim(
        id=name,
        title=title,
        statement=f"{title}: batch norm lets the same net reach a given accuracy in fewer steps, at its own best rate.",
        sources=("Ioffe and Szegedy 2015, section 4.2, arXiv:1502.03167", "Bjorck et al. 2018, arXiv:1806.02375"),
        protocol="A plain net of 6 convolutions and width 16, trained by SGD with `momentum=0.9` for 3 epochs.",
        advice=StudyAdvice(
            supported="Put a norm behind every convolution, and raise the rate until the loss is no longer finite.",
            not_supported="Do not add batch norm for this; what you see is the rate's doing.",
            undecided="Run it with more seeds: `batchnorm study run convergence --seeds 12`.",
        ),
        verdict=verdict,
        holm_verdict="undecided",
        qualified=number == 2,
        effect=head.effect,
        unit=head.unit,
        interval=head.interval,
        margin=head.margin,
        rule=head.rule,
        seeds=SEEDS,
        comparisons=(head, beside),
        arms=has,
        derived={},
        figures=(figure(kind),),
        found=(),
        runs=len(runs),
        diverged=sum(one.status == "diverged" for one in runs),
        crashed=0,
        seconds=30.0 * len(runs),
        command=f"batchnorm study run {name} --data fashion-mnist --budget standard --seeds 6",
        notes=(),
    ), StudyRuns(name, runs)


TITLES = (
    ("Faster convergence", "supported"),
    ("Higher learning rates", "supported"),
    ("Less care about initialization", "not supported"),
    ("Gradient flow", "undecided"),
    ("Stable inputs", "not supported"),
    ("A smoother loss", "undecided"),
    ("Regularization", "supported"),
    ("L1 and L2 are not replaced", "supported"),
    ("Whose statistics", "not supported"),
    ("Best practice", "undecided"),
    ("Transfer", "supported"),
    ("Cost", "supported"),
)


def made_up_study(claims: int = len(TITLES), data: str = "fashion-mnist") -> tuple[Study, dict[str, StudyRuns]]:
    """A study of so many claims, and the runs of each."""
    made = [claim(n, title, verdict, KINDS[n % 6]) for n, (title, verdict) in enumerate(TITLES[:claims])]
    study = Study(
        claims=tuple(one for one, _ in made),
        budget="standard",
        data=data,
        model=None,
        seeds=6,
        versions={"batchnorm": "0.1.0", "torch": "2.13.0", "python": "3.11.7"},
        machine="A Processor, 2 cores",
        threads=1,
        processes=2,
        seconds=21_000.0,
        notes=(),
    )
    return study, {one.claim: one for _, one in made}
