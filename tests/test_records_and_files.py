import errno
import json
import math
import os
import stat
from contextlib import nullcontext

import pytest

from batchnorm.errors import InputError
from batchnorm.files import atomic_write, hold, sync_folder
from batchnorm.records import EpochRecord, Prediction, TrainResult, from_json, to_json

EPOCH = EpochRecord(1, 79, 0.5, 0.8, None, None, 0.1, 3.0, 1e3)


def test_a_record_reads_back_equal() -> None:
    assert from_json(to_json(EPOCH), EpochRecord) == EPOCH


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected the JSON of an EpochRecord"),
        ("[1]", r"expected an EpochRecord, got '\[1\]'"),
        ('{"record": "os.system"}', "expected an EpochRecord, got"),
        ('{"record": "TrainResult", "version": 1}', "expected an EpochRecord, got"),
        ('{"record": "EpochRecord", "version": 2}', "has version 2, this batchnorm reads version 1"),
        ('{"record": "EpochRecord", "version": 1, "epoch": 1}', r"has the fields .*, got \['epoch'\]"),
    ],
)
def test_what_is_no_such_record_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_json(text, EpochRecord)


def test_a_field_of_another_type_is_refused() -> None:
    text = to_json(EPOCH).replace('"train_loss": 0.5', '"train_loss": "x"')
    with pytest.raises(InputError, match="has other types in train_loss"):
        from_json(text, EpochRecord)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train_loss", "Infinity"),
        ("train_loss", "1e999"),
        ("train_loss", "-0.5"),
        ("train_accuracy", "1.5"),
        ("val_accuracy", "-0.1"),
        ("epoch", "-1"),
        ("epoch", "9" * 30),
        ("seconds", "NaN"),
        ("epoch", "[" * 5000 + "]" * 5000),
    ],
)
def test_a_number_that_no_epoch_has_is_refused(field: str, value: str) -> None:
    data = {**json.loads(to_json(EPOCH)), field: "@"}
    with pytest.raises(InputError, match=f"in {field}: |finite numbers|of at most 64 bits|nested too deeply"):
        from_json(json.dumps(data).replace('"@"', value), EpochRecord)


def test_a_whole_number_may_stand_for_a_float() -> None:
    text = to_json(EPOCH).replace('"train_loss": 0.5', '"train_loss": 1')
    assert from_json(text, EpochRecord).train_loss == 1


def test_a_long_name_that_the_system_takes_is_taken(tmp_path) -> None:
    with atomic_write(tmp_path / ("n" * 250)) as file:
        file.write(b"x")
    assert (tmp_path / ("n" * 250)).read_bytes() == b"x"


def test_a_number_that_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(Prediction("x", ("a",), (math.nan,)))


def test_a_result_says_its_name_and_version_first() -> None:
    result = TrainResult(0.9, 0.3, 1.0, "runs/x", "ConvBNNet", "few", 1, 5, 0, 50378, None, None)
    assert to_json(result).startswith('{"record": "TrainResult", "version": 1, "test_accuracy": 0.9')


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, failure: type[BaseException]) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(failure, match="in between"), atomic_write(path, "w") as file:  # noqa: PT012 - the block is the test
        file.write("half")
        raise failure("in between")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_the_next_write_removes_what_a_killed_one_left(tmp_path) -> None:
    (tmp_path / ".f.0123abcd.part").write_text("half")
    with atomic_write(tmp_path / "f", "w") as file:
        file.write("whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_what_another_writes_is_not_taken_for_left_over(tmp_path) -> None:
    with atomic_write(tmp_path / "f", "w") as slow:
        slow.write("slow")
        with atomic_write(tmp_path / "f", "w") as fast:
            fast.write("fast")
        assert (tmp_path / "f").read_text() == "fast"
    assert (tmp_path / "f").read_text() == "slow"


def test_what_need_not_be_durable_does_not_wait_for_the_disk(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", None)
    with atomic_write(tmp_path / "f", "w", durable=False) as file:
        file.write("whole")
    assert (tmp_path / "f").read_text() == "whole"


@pytest.mark.parametrize(("mine", "theirs", "both"), [(True, True, True), (True, False, False), (False, True, False)])
def test_a_file_is_held_by_several_only_if_all_share_it(tmp_path, mine, theirs, both) -> None:
    (tmp_path / "f").touch()
    with (tmp_path / "f").open("rb") as one, (tmp_path / "f").open("rb") as other:
        assert hold(one.fileno(), shared=mine)
        assert hold(other.fileno(), shared=theirs) == both


@pytest.mark.parametrize("name", ["f.part", ".f.part", ".g.0123abcd.part", ".f.0123abcg.part"])
def test_no_other_file_is_taken_for_left_over(tmp_path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with atomic_write(tmp_path / "f", "w") as file:
        file.write("whole")
    assert (tmp_path / name).read_text() == "mine"


def test_a_rename_is_brought_to_the_disk(tmp_path, monkeypatch) -> None:
    """Behind the file's bytes and its rename comes the folder, without which a power cut can take back the rename."""
    synced = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, (tmp_path / "f").exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    with atomic_write(tmp_path / "f", "w") as file:
        file.write("whole")
    assert synced == [("file", False), ("folder", True)]


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_a_folder_is_no_failure_and_a_broken_disk_is(
    tmp_path, monkeypatch, number: int, raised: bool
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output error") if raised else nullcontext():
        sync_folder(tmp_path)


def test_the_name_appears_only_when_the_content_is_whole(tmp_path) -> None:
    with atomic_write(tmp_path / "f") as file:
        file.write(b"x")
        assert not (tmp_path / "f").exists()
    assert (tmp_path / "f").read_bytes() == b"x"


def test_a_file_gets_the_permissions_of_any_other(tmp_path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_write(tmp_path / "f") as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o644


def test_another_mode_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="mode: expected 'wb' or 'w', got 'a'"), atomic_write(tmp_path / "f", "a"):
        pass
