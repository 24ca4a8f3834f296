"""Does a study keep what is done, go on where it was, and take every run for a result?"""

import os
import re
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from batchnorm.errors import InputError, RefusedError
from batchnorm.progress import StudyWatcher
from batchnorm.records import StudyPlan, read_record
from batchnorm.study import read_study, run_study
from batchnorm.study._pool import WorkerLostError

from .claim_files import MEASURE, InThisProcess, write_claim, write_images

RUNS = 8
"""Of a claim with two arms and four seeds."""


@pytest.fixture(scope="module", autouse=True)
def _no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Run a study of a file, on few images, in this process."""
    images = write_images(tmp_path_factory.mktemp("images"))

    def run(claim, out, executor=None, **options):
        return run_study([claim], out=out, executor=executor or InThisProcess(), processes=1, data=images, **options)

    return run


def results(folder, claim="gain"):
    """All that the runs of a claim have come to, but for the times they took."""
    return [replace(run, seconds=0.0) for run in read_study(folder)[1][claim].runs]


def stopping_at(number):
    def before(count):
        if count == number:
            raise KeyboardInterrupt

    return InThisProcess(before)


@pytest.fixture(scope="module")
def undisturbed(study, tmp_path_factory):
    """A claim, and what an undisturbed study of it comes to."""
    folder = tmp_path_factory.mktemp("study")
    claim = write_claim(folder)
    study(claim, folder / "out")
    return claim, folder / "out"


def test_every_arm_is_run_with_every_seed(undisturbed):
    runs = results(undisturbed[1])
    assert [(run.arm, run.seed) for run in runs] == [(arm, seed) for arm in ("low", "high") for seed in range(4)]


def test_seeds_are_paired_over_arms(undisturbed):
    by_place = {(run.arm, run.seed): run for run in results(undisturbed[1])}
    assert all(by_place["low", seed].series == by_place["high", seed].series for seed in range(4))


def test_a_verdict_comes_of_the_runs(undisturbed):
    claim = read_study(undisturbed[1])[0].claims[0]
    by_place = {(run.arm, run.seed): run.values["score"] for run in results(undisturbed[1])}
    assert claim.effect == pytest.approx(sum(by_place["high", n] - by_place["low", n] for n in range(4)) / 4)


def test_a_claim_is_repeated_by_its_command(undisturbed):
    claim, folder = undisturbed
    command = read_study(folder)[0].claims[0].command
    assert command.startswith(f"batchnorm study run {claim} --budget quick --data ")


@pytest.mark.parametrize("number", [0, 3, RUNS - 1])
def test_a_study_that_was_stopped_comes_to_what_an_undisturbed_one_does(study, undisturbed, tmp_path, number):
    claim, folder = undisturbed
    with pytest.raises(KeyboardInterrupt):
        study(claim, tmp_path / "out", stopping_at(number))
    study(claim, tmp_path / "out")
    assert results(tmp_path / "out") == results(folder)


def test_what_is_done_is_not_done_again(study, undisturbed, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        study(undisturbed[0], tmp_path / "out", stopping_at(3))
    executor = InThisProcess()
    study(undisturbed[0], tmp_path / "out", executor)
    assert executor.count == RUNS - 3


def test_the_rules_are_written_before_the_first_run(study, undisturbed, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        study(undisturbed[0], tmp_path / "out", stopping_at(0))
    plan = read_record(tmp_path / "out" / "plan.json", StudyPlan)
    assert [(one.rule, one.margin) for one in plan.claims[0].comparisons] == [("greater", 0.1)]


def test_other_rules_than_those_of_the_first_run_are_refused(study, undisturbed, tmp_path):
    claim = write_claim(tmp_path)
    study(claim, tmp_path / "out")
    write_claim(tmp_path, margin=0.5)
    with pytest.raises(InputError, match=r"claim 'gain' has other code, comparisons now, and these are fixed before"):
        study(claim, tmp_path / "out")


def test_rules_may_change_while_all_runs_have_crashed(study, tmp_path):
    claim = write_claim(tmp_path, measure="def measure(run):\n    return run.nothing\n", seeds=2)
    study(claim, tmp_path / "out")
    write_claim(tmp_path, margin=0.5, seeds=2)
    assert study(claim, tmp_path / "out").claims[0].crashed == 0


def test_more_seeds_are_refused_with_the_reason(study, undisturbed, tmp_path):
    claim = write_claim(tmp_path)
    study(claim, tmp_path / "out")
    with pytest.raises(InputError, match="seeds that are added until a verdict appears make false ones more frequent"):
        study(claim, tmp_path / "out", seeds=5)


def test_a_study_on_other_data_is_refused(study, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr("batchnorm.study._options.images_digest", lambda *splits: "other")
    with pytest.raises(InputError, match="the images have changed since this study began"):
        study(*undisturbed)


def test_a_study_by_another_version_is_refused(study, undisturbed):
    claim, folder = undisturbed
    plan = (folder / "plan.json").read_text()
    (folder / "plan.json").write_text(re.sub(r'"torch": "[^"]*"', '"torch": "2.0"', plan))
    try:
        with pytest.raises(InputError, match=r"is a study by batchnorm \S+, torch 2.0, and this is batchnorm"):
            study(claim, folder)
    finally:
        (folder / "plan.json").write_text(plan)


def test_a_claim_can_be_added_later_and_the_answers_of_both_stay(study, tmp_path):
    study(write_claim(tmp_path, name="first", seeds=2), tmp_path / "out")
    both = study(write_claim(tmp_path, name="second", seeds=2), tmp_path / "out")
    assert [claim.id for claim in both.claims] == ["first", "second"]


RAISES_FOR_HIGH = MEASURE.replace(
    "    import torch", "    if run.options['gain'] > 2: raise ValueError('no such gain')\n    import torch"
)


class Listener(StudyWatcher):
    def __init__(self):
        self.crashes = []

    def ran(self, claim, run):
        if run.status == "crashed":
            self.crashes.append(run)


def test_a_run_that_raises_is_a_result_with_its_traceback_and_the_others_go_on(study, tmp_path):
    study(write_claim(tmp_path, measure=RAISES_FOR_HIGH), tmp_path / "out")
    runs = results(tmp_path / "out")
    assert [run.status for run in runs] == ["done"] * 4 + ["crashed"] * 4
    assert runs[-1].reason == "ValueError: no such gain"
    assert "raise ValueError('no such gain')" in runs[-1].traceback


def test_a_run_that_crashed_is_done_again_only_if_that_is_asked_for(study, tmp_path):
    claim = write_claim(tmp_path, measure=RAISES_FOR_HIGH)
    study(claim, tmp_path / "out")
    again, retried = InThisProcess(), InThisProcess()
    study(claim, tmp_path / "out", again)
    study(claim, tmp_path / "out", retried, retry=True)
    assert (again.count, retried.count) == (0, 4)


class Losing(InThisProcess):
    """Loses the process of the first calls."""

    def __init__(self, losses, error):
        super().__init__()
        self.losses, self.error = losses, error

    def submit(self, fn, /, *args, **kwargs):
        if self.count >= self.losses:
            return super().submit(fn, *args, **kwargs)
        self.count += 1
        future = Future()
        future.set_exception(self.error)
        return future


def test_a_run_whose_process_was_killed_is_begun_anew(study, undisturbed, tmp_path):
    study(undisturbed[0], tmp_path / "out", Losing(2, WorkerLostError("its process was killed (SIGKILL)")))
    assert results(tmp_path / "out") == results(undisturbed[1])


def test_a_run_whose_process_is_killed_every_time_is_taken_for_the_cause(study, undisturbed, tmp_path):
    study(undisturbed[0], tmp_path / "out", Losing(3, WorkerLostError("its process was killed (SIGKILL)")))
    first, *others = results(tmp_path / "out")
    assert first.reason.startswith("its process was killed (SIGKILL), 3 times in all; is there enough memory")
    assert {run.status for run in others} == {"done"}


def test_a_broken_executor_of_somebody_else_is_refused_and_what_was_done_is_kept(study, undisturbed, tmp_path):
    with pytest.raises(RefusedError, match=r"the executor failed \(cluster gone\)"):
        study(undisturbed[0], tmp_path / "out", Losing(1, BrokenExecutor("cluster gone")))
    study(undisturbed[0], tmp_path / "out")
    assert results(tmp_path / "out") == results(undisturbed[1])


SEARCH = '\n    search=Search(option="gain", grid=(1.0, 2.0), value="score"),'


def test_each_arm_is_run_by_the_best_value_of_its_search(study, tmp_path):
    claim = write_claim(tmp_path, more=SEARCH)
    text = (tmp_path / "gain.py").read_text().replace('{"gain": 3.0}', '{"gain": "own"}')
    (tmp_path / "gain.py").write_text(text)
    answer = study(claim, tmp_path / "out").claims[0]
    assert [(one.arm, one.value, one.edge) for one in answer.found] == [("high", 2.0, True)]


ALONE = "\n    alone=True,"


class Counting(ThreadPoolExecutor):
    """Notes how many runs of which claim are under way when one begins."""

    def __init__(self):
        super().__init__(4)
        self.lock, self.running, self.seen = threading.Lock(), 0, []

    def submit(self, fn, /, *args, **kwargs):
        return super().submit(self._counted, fn, *args, **kwargs)

    def _counted(self, fn, task, threads):
        with self.lock:
            self.running += 1
            self.seen.append((task.claim, self.running))
        time.sleep(0.02)
        try:
            return fn(task, threads)
        finally:
            with self.lock:
                self.running -= 1


def test_runs_go_on_at_once_but_those_of_a_claim_that_must_be_alone(tmp_path):
    claims = [write_claim(tmp_path, name="alone", more=ALONE, seeds=2), write_claim(tmp_path, seeds=2)]
    with Counting() as executor:
        run_study(claims, out=tmp_path / "out", executor=executor, processes=3, data=write_images(tmp_path))
    assert [claim for claim, _ in executor.seen] == ["gain"] * 4 + ["alone"] * 4
    assert [max(n for claim, n in executor.seen if claim == one) for one in ("gain", "alone")] == [3, 1]
