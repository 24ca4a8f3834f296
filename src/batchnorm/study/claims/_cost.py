"""What does batch norm cost in a training step, in time and in memory?"""

from .._arm import Arm
from .._claim import Advice, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from ..measures import step_cost

BATCH = 128
NONE, OURS, TORCH = "no norm", "batch norm (ours)", "batch norm (PyTorch)"
OTHERS = {
    "layer norm": "layer",
    "group norm": "group",
    "instance norm": "instance",
    "ghost batch norm": "ghost:16",
    "batch renormalization": "renorm:3,5,400",
    "population statistics": "population",
}
TIMES, KEPT = "times of no norm", "megabytes kept"


def measure(run: Run) -> Measured:
    """Time steps of the arm's net and of the same net without norms in turn, on one batch of training images."""
    images, labels = next(run.batches("train", BATCH, shuffle=True).epoch(run.seed))
    rounds = int(str(run.scope.options["rounds"]))
    cost = step_cost(run.net(), run.net("none"), images.to(run.device), labels.to(run.device), rounds=rounds)
    return Measured({"milliseconds": cost.milliseconds, TIMES: cost.times, KEPT: cost.kept / 1e6})


def _within(id_: str, question: str, value: str, than: str | float, *, primary: bool = False) -> Comparison:
    return Comparison(id_, question, value, OURS, than, "equivalent", 1.25, "times", "ratio", primary=primary)


def _less(id_: str, question: str, value: str, than: str) -> Comparison:
    return Comparison(id_, question, value, OURS, than, "less", 1.0, "times", "ratio", primary=False)


CLAIM = Claim(
    id="cost",
    title="Cost",
    statement="Batch norm costs little: a training step with it takes at most a quarter longer than one without.",
    sources=(
        "Widely assumed; against it Gitman and Ginsburg, 2017, abstract (a significant fraction of the time of "
        "training, for it waits for memory), arXiv:1709.08145.",
        "Rota Bulò, Porzi and Kontschieder, 2018 (the memory that it keeps), arXiv:1712.02616.",
    ),
    protocol=(
        "Whole training steps (forward, cross entropy, backward, SGD with momentum) of a net of six convolutions, or "
        "of the one that the study is given, on one batch of 128 training images, by as many threads as a run has. "
        "Steps of the net and of the same net without norms run in turn, with caches emptied before each, so that the "
        "quotient of the two medians does not depend on what the machine did meanwhile; a seed is a repetition. "
        "Nothing else of the study runs at the same time. Memory is what the forward keeps for the backward. The "
        "margin of a quarter is what one would pay without asking; that of the memory is the same. Without a norm the "
        "claim says 1, but for noise. Kernels of this library are compared with PyTorch's, which stand in a net with "
        "the activation behind them as a layer of its own."
    ),
    arms=(
        Arm(OURS, {"norm": "batch"}),
        Arm(TORCH, {"norm": "torch"}),
        Arm(NONE, {"norm": "none"}),
        *(Arm(name, {"norm": norm}) for name, norm in OTHERS.items()),
    ),
    measure=measure,
    comparisons=(
        _within("time", "Is a step with batch norm within a quarter of one without?", TIMES, 1.0, primary=True),
        _within("memory", "Does a step keep within a quarter of what one without keeps?", KEPT, NONE),
        _less("time-torch", "Is a step faster by our batch norm than by PyTorch's?", TIMES, TORCH),
        _less("memory-torch", "Does a step keep less by our batch norm than by PyTorch's?", KEPT, TORCH),
        *(_less(f"time-{name.split()[0]}", f"Is a step faster than by {name}?", TIMES, name) for name in OTHERS),
    ),
    figure=Figure(
        "dots",
        TIMES,
        title="The time of a training step, over that of the same net without norms",
        x_title="times of a step without norms",
    ),
    figures=(
        Figure("dots", KEPT, title="What a step keeps for backward", x_title="megabytes, batch of 128"),
        Figure("dots", "milliseconds", title="The time of a training step", x_title="milliseconds, batch of 128"),
    ),
    advice=Advice(
        supported="Do not leave batch norm out for the sake of its time; it is not what a step waits for.",
        not_supported=(
            "Batch norm is a good part of a step here. It pays only if it saves more than its share of steps (see "
            "convergence); take the fastest kernels, and fold it away before you ship the net (batchnorm fold)."
        ),
        undecided="Repeat it on a quiet machine, with more rounds: nothing else may run meanwhile.",
    ),
    scopes={
        "quick": Scope(3, 1_000, 1, 100, {"rounds": 7}, (OURS, TORCH, NONE)),
        "standard": Scope(6, 10_000, 1, options={"rounds": 21}),
        "thorough": Scope(10, 10_000, 1, options={"rounds": 41}),
    },
    alone=True,
    hours=0.1,
)
