"""How is one run done, so that whatever happens in it ends as a record?"""

import random
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

from ..bench import threads as torch_threads
from ..files import one_line
from ..records import StudyRun
from ..transaction import rng_state, same_rng
from ._measured import Measured
from ._run import Run
from ._task import Task

MOST_OF_A_TRACEBACK = 20_000
"""Letters: of a recursion without end the last ones are as good as all."""


def measured(task: Task, threads: int) -> StudyRun:
    """Do a run with so many threads of torch, and return what came of it; an exception is a result, too.

    Example:
        >>> from batchnorm.study._own_claim import ClaimSource
        >>> from batchnorm.study._scope import Scope
        >>> from batchnorm.study._task import StudySetting
        >>> source = ClaimSource(path="mine.py", text="raise OSError('no claim today')")
        >>> task = Task(source, "mine", 1, "plain", {}, 0, Scope(1, 10, 1), StudySetting("none", ""))
        >>> run = measured(task, threads=1)
        >>> run.status, run.reason
        ('crashed', 'InputError: mine.py: running it raised OSError: no claim today (line 1). Mend it.')
    """
    start = time.perf_counter()
    try:
        with _alike(task.seed, threads):
            got = task.source.claim().measure(_run_of(task))
        return _done(task, _as_measured(got), time.perf_counter() - start)
    except (Exception, SystemExit) as error:  # somebody's code may raise anything
        why = one_line(f"{type(error).__name__}: {error}", 500)
        trace = traceback.format_exc()[-MOST_OF_A_TRACEBACK:]
        return crashed(task, why, time.perf_counter() - start, trace)


def crashed(task: Task, why: str, seconds: float = 0.0, trace: str | None = None) -> StudyRun:
    """Return the record of a run that has measured nothing."""
    options = dict(task.options)
    return StudyRun(
        task.key, task.arm, options, task.seed, task.searching, "crashed", why, {}, {}, seconds, traceback=trace
    )


def _done(task: Task, got: Measured, seconds: float) -> StudyRun:
    """Return the record of what `measure` gave, each value a float, or refuse it as a record does."""
    return StudyRun(
        key=task.key,
        arm=task.arm,
        options=dict(task.options),
        seed=task.seed,
        searching=task.searching,
        status="done" if got.diverged is None else "diverged",
        reason=got.diverged,
        values={name: float(value) for name, value in got.values.items()},
        series=dict(got.series),
        seconds=seconds,
    )


def _as_measured(got: object) -> Measured:
    if isinstance(got, Measured):
        return got
    if isinstance(got, Mapping):
        return Measured(got)
    raise TypeError(f"measure: expected it to return a Measured, or numbers by their names, got {type(got).__name__}")


def _run_of(task: Task) -> Run:
    return Run(
        claim=task.claim,
        arm=task.arm,
        options=task.options,
        seed=task.seed,
        scope=task.scope,
        data=task.setting.data,
        model=task.setting.model,
        device=task.setting.device,
        searching=task.searching,
    )


@contextmanager
def _alike(seed: int, threads: int) -> Iterator[None]:
    """Let what draws from the global generators draw the same for a seed, whatever ran before in this process."""
    with torch_threads(threads), same_rng(rng_state()):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        yield
