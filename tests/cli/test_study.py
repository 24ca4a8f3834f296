"""`batchnorm study` as a user calls it."""

from concurrent.futures import Executor, Future

import pytest

from batchnorm.study import CLAIMS

CLAIM = """
from batchnorm.study import Advice, Arm, Claim, Comparison, Figure, Scope

def measure(run):
    if run.options["gain"] > 2 and run.seed == 1:
        raise ValueError("no such gain")
    return {"score": run.options["gain"] + run.seed}

CLAIM = Claim(
    id="gain", title="Gain", statement="More gain scores more.", sources=("Nobody.",), protocol="None.",
    arms=(Arm("low", {"gain": 1.0}), Arm("high", {"gain": 3.0})), measure=measure,
    comparisons=(Comparison("more", "Is it?", "score", "high", "low", "greater", 0.1, "points"),),
    figure=Figure("dots", "score"), advice=Advice("Raise it.", "Leave it.", "Take more seeds."),
    scopes={"quick": Scope(seeds=3, train_images=20, epochs=1)},
)
"""


@pytest.fixture
def claim(tmp_path):
    (tmp_path / "gain.py").write_text(CLAIM)
    return "gain.py"


class NoPool(Executor):
    """Does in this process what the processes of a pool would do, without starting any."""

    def __init__(self, processes, threads):
        pass

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def stop(self):
        pass


@pytest.fixture
def said(batchnorm, claim, monkeypatch):
    """What a study says, and what it says when it is asked for again."""
    monkeypatch.setattr("batchnorm.study._study.WorkerPool", NoPool)
    first = batchnorm("study", "run", claim, "--processes", "1", "--json", "--out", "out")
    return first, batchnorm("study", "run", claim, "--processes", "1", "--out", "out")


def test_a_study_is_announced_run_and_answered_and_goes_on_where_it_was(said):
    """One test for what each would need a study of its own for."""
    first, again = said
    assert [one["id"] for one in first.json["claims"]] == ["gain"]
    assert len(first.out.splitlines()) == 1
    lines = first.err.splitlines()
    assert lines[0].startswith("quick study on fashion-mnist-mini: 1 claim, 6 runs; ")
    crash = "note: gain: a run crashed (arm 'high', seed 1): ValueError: no such gain; the others go on"
    assert lines.count(crash) == 1
    assert "6 runs, 6 of them done; all is done" in again.err
    assert (first.code, again.code) == (1, 1)  # for the run that crashed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xyzzy"], "CLAIM: expected one of"),
        (["nowhere.py"], "nowhere.py: cannot be read (No such file or directory). Check the path."),
        (["gain.py", "--budget", "fast"], "--budget: expected one of quick, standard, thorough, got 'fast'"),
        (["gain.py", "--budget", "standard"], "--budget: the claim 'gain' has no scope for it"),
        (["gain.py", "--seeds", "0"], "--seeds: expected an integer from 1 to 999, got 0"),
        (["gain.py", "--processes", "0"], "--processes: expected an integer of at least 1, got 0"),
        (["gain.py", "--data", "cifar"], "--data: "),
        (["gain.py", "--model", "resnet2"], "--model: "),
        (["gain.py", "--device", "tpu"], "--device: "),
        (["gain.py", "--out", "gain.py"], "--out: the folder gain.py cannot be made (File exists)"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line_and_leaves_no_folder(batchnorm, claim, tmp_path, arguments, message):
    said = batchnorm("study", "run", *arguments)
    assert said.code == 2
    assert said.err.startswith(f"batchnorm study run: {message}")
    assert said.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["gain.py"]


def test_every_claim_is_listed(batchnorm):
    said = batchnorm("study", "list", "--json")
    assert [one["id"] for one in said.json] == [claim.id for claim in CLAIMS]
