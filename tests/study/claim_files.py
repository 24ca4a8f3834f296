"""Claims in files, as a user writes them, whose runs take no time."""

from concurrent.futures import Executor, Future

import numpy as np

HEAD = """
from batchnorm.study import Advice, Arm, Claim, Comparison, Figure, Measured, Run, Scope, Search

"""
MEASURE = """
def measure(run):
    import torch
    drawn = torch.rand(2, generator=run.generator("draw")).tolist()
    return Measured({"score": run.options["gain"] * drawn[0] + drawn[1]}, {"steps": drawn})
"""
CLAIM = """
CLAIM = Claim(
    id="{id}", title="Gain", statement="More gain scores more.", sources=("Nobody.",), protocol="None.",
    arms=(Arm("low", {{"gain": 1.0}}), Arm("high", {{"gain": 3.0}})),
    measure=measure,
    comparisons=(Comparison("more", "Is it?", "score", "high", "low", "greater", {margin}, "points"),),
    figure=Figure("dots", "score"), advice=Advice("Raise it.", "Leave it.", "Take more seeds."),
    scopes={{"quick": Scope(seeds={seeds}, train_images=4, epochs=1, test_images=4)}},{more}
)
"""


def write_claim(folder, *, measure=MEASURE, name="gain", margin=0.1, seeds=4, more=""):
    """Write a claim of two arms into a file, and return its path."""
    path = folder / f"{name}.py"
    path.write_text(HEAD + measure + CLAIM.format(id=name, margin=margin, seeds=seeds, more=more), encoding="utf-8")
    return str(path)


def write_images(folder, seed=0):
    """Write the smallest data set that there is, two classes of two images each, and return its path."""
    drawn = np.random.default_rng(seed)
    images = {f"x_{part}": drawn.integers(256, size=(4, 8, 8), dtype=np.uint8) for part in ("train", "test")}
    labels = {f"y_{part}": np.array([0, 1, 0, 1]) for part in ("train", "test")}
    path = folder / "images.npz"
    np.savez(path, **images, **labels)
    return str(path)


class InThisProcess(Executor):
    """Does what it is given at once, and counts it; `before` is called ahead of each with how many were before."""

    def __init__(self, before=lambda count: None):
        self.before, self.count = before, 0

    def submit(self, fn, /, *args, **kwargs):
        self.before(self.count)
        self.count += 1
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future
