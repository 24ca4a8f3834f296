"""Does the folder of a study keep what is in it, whoever else comes, and whatever the disk does?"""

import errno
import json
import threading
import time
from dataclasses import replace

import pytest

from batchnorm.errors import InputError, RefusedError
from batchnorm.progress import StudyWatcher
from batchnorm.records import StudyRun
from batchnorm.study import read_study, run_study
from batchnorm.study._folder import StudyFolder

from .claim_files import InThisProcess, write_claim, write_images

RUN = StudyRun("0f", "low", {"gain": 1.0}, 0, False, "done", None, {"score": 1.0}, {}, 0.1)


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "out")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
    monkeypatch.setattr("batchnorm.study._folder.LOOKED_AT_EVERY", 0.02)


@pytest.fixture
def study(tmp_path):
    """A study of one claim in this process."""
    claim, images = write_claim(tmp_path, seeds=2), write_images(tmp_path)
    return lambda **options: run_study(
        [claim], out=tmp_path / "out", executor=InThisProcess(), processes=1, data=images, **options
    )


def test_a_run_that_was_written_is_read(folder):
    folder.write_run("gain", RUN)
    assert folder.read_runs("gain") == {"0f": RUN}


def test_packed_runs_are_read_as_those_of_single_files_are(folder):
    folder.write_run("gain", RUN)
    folder.pack("gain", [RUN, replace(RUN, arm="same")])
    assert [*folder.read_runs("gain")] == ["0f"]
    assert [run.arm for run in folder.read_packed("gain")] == ["low", "same"]


def test_packing_leaves_one_file(folder):
    folder.write_run("gain", RUN)
    folder.pack("gain", [RUN])
    assert [path.name for path in folder.runs.iterdir()] == ["gain.json"]


@pytest.mark.parametrize("text", ["", "{", '{"record": "StudyRun", "version": 1}'])
def test_a_damaged_file_of_one_run_is_a_run_that_is_not_done(folder, text):
    folder.write_run("gain", RUN)
    (folder.runs / "gain" / "0f.json").write_text(text)
    assert folder.read_runs("gain") == {}


def test_a_file_under_another_run_s_name_is_a_run_that_is_not_done(folder):
    folder.write_run("gain", RUN)
    (folder.runs / "gain" / "0f.json").rename(folder.runs / "gain" / "1e.json")
    assert folder.read_runs("gain") == {}


def test_a_damaged_file_of_all_runs_is_refused(folder):
    folder.pack("gain", [RUN])
    (folder.runs / "gain.json").write_text("{")
    with pytest.raises(InputError, match=r"gain\.json: expected the JSON of a StudyRuns"):
        folder.read_runs("gain")


def test_what_a_killed_process_left_half_written_is_removed(folder):
    folder.write_run("gain", RUN)
    left = folder.runs / "gain" / ".1e.json.0123abcd.part"
    left.write_text("{")
    folder.plan.write_text("{}")
    with folder.held():
        assert not left.exists()


def test_a_folder_with_other_files_is_refused(folder):
    folder.path.mkdir()
    (folder.path / "thesis.txt").write_text("all of it")
    with (
        pytest.raises(InputError, match=r"expected a new or an empty folder, or that of a study, got .*other files"),
        folder.held(),
    ):
        pass


def test_a_second_process_is_refused_with_the_reason(folder):
    with (
        folder.held(),
        pytest.raises(InputError, match=r"another process runs a study in this folder. Wait for it \(wait=True\)"),
        StudyFolder(folder.path).held(),
    ):
        pass


def test_a_second_process_waits_if_it_is_to(folder):
    waited, entered = [], []

    def second():
        with StudyFolder(folder.path).held(wait=True, waiting=lambda: waited.append(1)):
            entered.append(time.monotonic())

    with folder.held():
        thread = threading.Thread(target=second)
        thread.start()
        while not waited:
            time.sleep(0.01)
        left = time.monotonic()
    thread.join()
    assert entered[0] > left


def test_who_waits_says_so_once(study, tmp_path):
    notes = []

    class Listener(StudyWatcher):
        def note(self, message):
            notes.append(message)

    held = StudyFolder(tmp_path / "out").held()
    held.__enter__()
    threading.Timer(0.2, lambda: held.__exit__(None, None, None)).start()
    study(wait=True, watcher=Listener())
    assert [note for note in notes if "waiting for it" in note] == [notes[0]]


def test_a_folder_of_a_newer_version_is_refused_and_left_as_it_is(study, tmp_path):
    study()
    plan = tmp_path / "out" / "plan.json"
    plan.write_text(newer := json.dumps({**json.loads(plan.read_text()), "version": 99}))
    with pytest.raises(
        InputError, match=r"this StudyPlan has version 99, this batchnorm reads version \d+. Read it with"
    ):
        study()
    assert plan.read_text() == newer


def test_a_full_disk_ends_a_study_in_one_sentence_and_it_goes_on_afterwards(study, tmp_path, monkeypatch):
    written = []

    def full(descriptor):
        written.append(1)
        if len(written) > 6:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(
            RefusedError, match=r"cannot be written \(No space left on device\); what was written before"
        ):
            study()
    assert not [*(tmp_path / "out").rglob("*.part")]
    assert study().claims[0].runs == 4


def test_a_study_without_answers_is_no_study_to_read(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(InputError, match="expected a StudyPlan"):
        read_study(tmp_path)


def test_a_folder_of_something_else_is_no_study_to_read(tmp_path):
    with pytest.raises(
        InputError, match=r"expected the folder of a study, found one without plan.json. `batchnorm study run`"
    ):
        read_study(tmp_path)


def test_a_study_that_is_not_complete_is_told_how_it_goes_on(study, tmp_path):
    study()
    (tmp_path / "out" / "result.json").unlink()
    with pytest.raises(InputError, match=r"no claim of this study is complete yet. Run the same"):
        read_study(tmp_path / "out")
