"""Does a study come to the same whatever kills its processes, and whenever?"""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from batchnorm.study import read_study, run_study

from .claim_files import MEASURE, InThisProcess, write_claim, write_images

pytestmark = pytest.mark.slow  # each study starts an interpreter and two more, which import torch

NAP = "NAP_IN_A_RUN"
"""An environment variable: seconds that each run sleeps, so that processes are killed in the middle of runs."""
SLEEPY = MEASURE.replace(
    "    import torch\n", f"    import os, time, torch\n    time.sleep(float(os.environ.get({NAP!r}, 0)))\n"
)
SEEDS = 60
SESSIONS = 10
"""In each of them a worker is killed, and then the runner: 20 kills."""


class Runner:
    """`batchnorm study run` in a process group of its own."""

    def __init__(self, claim, images, out):
        command = [sys.executable, "-m", "batchnorm", "study", "run", claim, "--data", images, "--out", out]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", NAP: "0.5"}
        self.out = Path(out)
        self.process = subprocess.Popen(
            [*command, "--processes", "2", "--quiet"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def workers(self):
        """The processes that do the runs."""
        found = []
        for children in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(pid) for pid in children.read_text().split() if "spawn_main" in command_of(pid)]
        return found

    def runs(self):
        return len([*self.out.rglob("runs/gain/*.json")])

    def wait_for_runs(self, more=1):
        """Wait until so many more runs are done than now."""
        begun, deadline = self.runs(), time.monotonic() + 60
        while self.runs() < begun + more and time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.02)


def command_of(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def gone(pids, seconds=20.0):
    """Whether processes end by themselves."""
    deadline = time.monotonic() + seconds
    while any("spawn_main" in command_of(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any("spawn_main" in command_of(pid) for pid in pids)


@pytest.fixture
def tiny(tmp_path):
    return write_claim(tmp_path, measure=SLEEPY, seeds=SEEDS), write_images(tmp_path), str(tmp_path / "out")


def results(folder):
    return [replace(run, seconds=0.0) for run in read_study(folder)[1]["gain"].runs]


def test_whatever_is_killed_at_whatever_moment_the_records_are_those_of_an_undisturbed_study(tiny, tmp_path):
    claim, images, out = tiny
    moments = random.Random(0)  # noqa: S311 - moments, no secrets
    for _ in range(SESSIONS):
        runner = Runner(claim, images, out)
        if moments.random() < 0.7:
            runner.wait_for_runs()
        time.sleep(moments.uniform(0, 1))
        for worker in runner.workers()[:1]:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        time.sleep(moments.uniform(0, 2))
        workers = runner.workers()
        runner.process.kill()
        runner.process.communicate()
        assert gone(workers)
    assert runner.runs() < 2 * SEEDS
    assert runner.runs() > 0
    run_study([claim], out=out, data=images, executor=InThisProcess(), processes=1)
    run_study([claim], out=tmp_path / "undisturbed", data=images, executor=InThisProcess(), processes=1)
    assert results(out) == results(tmp_path / "undisturbed")


def test_an_interrupt_at_the_terminal_stops_at_once_and_says_how_it_goes_on(tiny):
    runner = Runner(*tiny)
    runner.wait_for_runs()
    workers = runner.workers()
    os.killpg(runner.process.pid, signal.SIGINT)
    _, said = runner.process.communicate(timeout=30)
    assert runner.process.returncode == 130
    assert said.count("\n") == 1
    assert f"runs are done and kept in {tiny[2]}, and the same command goes on from there" in said
    assert gone(workers)
