"""Runs whose numbers a test chooses, for claims that train nothing."""

from batchnorm.records import StudyRun
from batchnorm.study import Advice, Arm, Claim, Comparison, Figure, Scope


def claim_of(*comparisons, arms=("a", "b"), **more):
    options = {
        "id": "drawn",
        "title": "Drawn",
        "statement": "One is larger than the other.",
        "sources": ("nobody",),
        "protocol": "Numbers are drawn.",
        "arms": tuple(Arm(name, {"number": place}) for place, name in enumerate(arms)),
        "measure": lambda run: {"x": 0.0},
        "comparisons": comparisons,
        "figure": Figure("dots", "x"),
        "advice": Advice("Take it.", "Leave it.", "Draw more."),
        "scopes": {"quick": Scope(seeds=3, train_images=100, epochs=1)},
    }
    return Claim(**{**options, **more})


def asked(rule="greater", margin=0.0, arm="a", than="b", **more):
    return Comparison(more.pop("id", rule), "Is it?", "x", arm, than, rule, margin, more.pop("unit", "points"), **more)


def run_of(arm, seed, x=None, status="done", **more):
    values = {} if status == "crashed" else {"x": x, **more.pop("values", {})}
    reason = None if status == "done" else "out of memory"
    parts = {"options": {}, "searching": False, "series": {}, "seconds": 1.0, "key": f"{arm}-{seed}", **more}
    return StudyRun(arm=arm, seed=seed, status=status, reason=reason, values=values, **parts)


def runs_of(**numbers):
    """Runs by arm: a number for each seed from 0 on."""
    return [run_of(arm, seed, float(x)) for arm, xs in numbers.items() for seed, x in enumerate(xs)]
