"""Does every run end as a record, whatever its code does?"""

import random

import numpy as np
import pytest
import torch

from batchnorm.study import Scope
from batchnorm.study._own_claim import ClaimSource
from batchnorm.study._task import StudySetting, Task
from batchnorm.study._work import measured

from .claim_files import write_claim


@pytest.fixture
def ran(tmp_path):
    """Do one run of a claim whose `measure` has this body."""

    def run(body, seed=0):
        path = write_claim(tmp_path, measure=f"def measure(run):\n    {body}\n")
        source = ClaimSource(path=path, text=(tmp_path / "gain.py").read_text())
        task = Task(source, "gain", 1, "low", {"gain": 1.0}, seed, Scope(2, 10, 1), StudySetting("none", ""))
        return measured(task, threads=1)

    return run


def test_numbers_by_their_names_are_enough(ran):
    assert ran("return {'score': 2}").values == {"score": 2.0}


def test_a_divergence_is_told_with_its_reason(ran):
    run = ran("return Measured({'score': 10.0}, diverged='the loss of step 3 is not finite')")
    assert (run.status, run.reason, run.values) == ("diverged", "the loss of step 3 is not finite", {"score": 10.0})


def test_a_value_that_is_not_finite_is_kept_as_missing(ran):
    assert ran("return {'score': float('nan')}").values == {"score": None}


def test_tensors_are_taken_for_the_numbers_in_them(ran):
    run = ran("import torch; return Measured({'score': torch.tensor(2.5)}, {'steps': torch.tensor([1.0, 2.0])})")
    assert (run.values, run.series) == ({"score": 2.5}, {"steps": (1.0, 2.0)})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no such gain')", "ValueError: no such gain"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise MemoryError", "MemoryError:"),
        ("return 3", "TypeError: measure: expected it to return a Measured, or numbers by their names, got int"),
        ("return {'score': 'high'}", "ValueError: could not convert string to float: 'high'"),
        ("return Measured({}, {'steps': {1: 2}})", "InputTypeError: series['steps']: expected text, numbers"),
        ("return measure(run)", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_a_crash_is_told_with_its_reason_and_traceback(ran, body, reason):
    run = ran(body)
    assert (run.status, run.values) == ("crashed", {})
    assert run.reason.startswith(reason)
    assert run.traceback.startswith("Traceback") or len(run.traceback) == 20_000


DRAWS = "import random, numpy, torch; return {'a': random.random(), 'b': numpy.random.rand(), 'c': torch.rand(())}"


def test_global_random_numbers_are_those_of_the_seed_whatever_ran_before(ran):
    first, _, again = ran(DRAWS, seed=1), ran(DRAWS, seed=2), ran(DRAWS, seed=1)
    assert first.values == again.values
    assert first.values != ran(DRAWS, seed=2).values


def test_a_run_leaves_the_random_numbers_and_threads_of_its_process(ran):
    states = (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
    )
    ran(DRAWS)
    assert states == (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
    )
