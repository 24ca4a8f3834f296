"""Does batch norm train faster?"""

import time
from collections.abc import Mapping, Sequence

from ...data import Split, stratified_draw
from .._arm import OWN, Arm, Value
from .._claim import Advice, ByArm, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from .._search import Search
from ..measures import Checks, accuracy_reached, goal_of, guessing, part_to_judge, steps_to_levels, to_the_goal

BATCH = 32
PAIRS: dict[str, Value] = {"": OWN, " at rate 0.03": 0.03}
"""Which arms are compared with each other: their names end alike, and so do their rates."""


def measure(run: Run) -> Measured:
    """Train at a constant rate, and check the accuracy on images that it does not see, again and again."""
    net, images = run.net(), _checked_images(run)
    clock = time.process_time if run.device == "cpu" else time.perf_counter
    checks = Checks(lambda: run.accuracy(net, split=images), int(str(run.scope.options["checked every"])), clock)
    trained = run.train(net, lr=float(str(run.options["lr"])), batch_size=BATCH, schedule="constant", on_step=checks)
    steps = run.scope.epochs * len(run.batches("train", BATCH, shuffle=True))
    checks.fill(steps, guessing(run))
    values = {
        "accuracy": accuracy_reached(run, net, trained),
        "mean accuracy": sum(checks.accuracies) / max(len(checks.accuracies), 1),
        "steps": steps,
        "seconds per step": checks.seconds_per_step,
    }
    series: dict[str, Sequence[float]] = {"step": checks.steps, "accuracy by step": checks.accuracies}
    return Measured(values | steps_to_levels(checks.steps, checks.accuracies), series, trained.diverged)


def _checked_images(run: Run) -> Split:
    """Draw them by class, the same in every run: to check all of them so often would take longer than the training."""
    split, count = run.split(part_to_judge(run)), int(str(run.scope.options["checked images"]))
    if count >= len(split):
        return split
    return split.subset(stratified_draw(split.labels, count / len(split), seed=0))


def derive(by_arm: ByArm) -> ByArm:
    """Say when each of a pair reaches the highest level that its net without a norm reaches."""
    found: dict[str, Mapping[str, float]] = {}
    for ending in PAIRS:
        pair = [f"{norm}{ending}" for norm in ("batch norm", "no norm")]
        if all(name in by_arm for name in pair):
            goal = goal_of(by_arm[pair[1]])
            found |= {f"{name}, to the goal": to_the_goal(by_arm[name], goal) for name in pair}
    return found


def _sooner(
    id_: str, question: str, value: str, margin: float, ending: str = "", *, primary: bool = False
) -> Comparison:
    arms = (f"batch norm{ending}, to the goal", f"no norm{ending}, to the goal")
    return Comparison(id_, question, value, *arms, "less", margin, "times", "ratio", primary=primary)


CLAIM = Claim(
    id="convergence",
    title="Faster convergence",
    statement="A net with batch norm reaches the accuracy of the same net without it in fewer steps.",
    sources=(
        "Ioffe and Szegedy, Batch normalization, 2015, arXiv:1502.03167, section 4.2.2 and figure 3: 13.3 instead of "
        "31.0 million steps to 72.2 % at the same rate (2.3 times as fast), and 2.1 million (14 times) at five times "
        "the rate, with less dropout, L2 and distortion besides.",
    ),
    protocol=(
        "A plain net of 6 convolutions is trained by SGD (momentum 0.9, batches of 32 as in the paper, a constant "
        "rate), with batch norm and without. Its accuracy is checked on images that it does not see, in evaluation "
        "mode, that is with the running statistics. The goal of a seed is the highest of 15, 20, ..., 95 % that the "
        "net without a norm reaches, and what counts is the first check at which a net is there; one that never is "
        "counts with all its steps. Each side has its own best rate, the one with the highest mean over the checks of "
        "validation images, so that speed is what is chosen for; beside it both train at a rate of 0.03, which suits "
        "nets without norms. Seconds are those of the processor at work, without the checks, for on a busy machine "
        "those of the clock say who else is there. The margin is a factor of 1.25: checks are some 4 % of a training "
        "apart, and less than a quarter would hardly be noticed."
    ),
    arms=tuple(
        Arm(f"{name}{ending}", {"norm": norm, "lr": lr})
        for ending, lr in PAIRS.items()
        for name, norm in (("batch norm", "batch"), ("no norm", "none"))
    ),
    measure=measure,
    derive=derive,
    comparisons=(
        _sooner("steps", "Does it need fewer steps, each at its own best rate?", "steps", 1.25, primary=True),
        _sooner("seconds", "Does it need fewer seconds, each at its own best rate?", "seconds", 1.25),
        _sooner("same-rate", "Does it need fewer steps at a rate of 0.03?", "steps", 1.25, " at rate 0.03"),
        _sooner("as-in-paper", "Does it need half the steps at a rate of 0.03?", "steps", 2.0, " at rate 0.03"),
    ),
    figure=Figure(
        "curves",
        "accuracy by step",
        x="step",
        arms=("batch norm", "no norm"),
        title="How accuracy on unseen images grows",
        x_title="step",
        y_title="accuracy (%)",
    ),
    figures=(
        Figure(
            "curves",
            "accuracy by step",
            x="step",
            arms=("batch norm at rate 0.03", "no norm at rate 0.03"),
            title="How it grows at a rate of 0.03",
            x_title="step",
            y_title="accuracy (%)",
        ),
    ),
    advice=Advice(
        supported="Use batch norm where the time to a given accuracy matters, and search its rate anew: the answer at "
        "the same rate says how much of the gain needs no new one.",
        not_supported="On your data batch norm does not save steps: do not take it for speed alone.",
        undecided="The seeds do not agree: take more of them before you count on fewer steps.",
    ),
    scopes={
        "quick": Scope(3, 2_000, 3, test_images=1_000, options={"checked every": 12, "checked images": 300}),
        "standard": Scope(6, 10_000, 2, options={"checked every": 25, "checked images": 1_000}),
        "thorough": Scope(10, 60_000, 3, options={"checked every": 100, "checked images": 2_000}),
    },
    search=Search(value="mean accuracy"),
    hours=0.1,
)
