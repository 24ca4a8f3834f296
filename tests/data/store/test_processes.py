"""What if images are decoded by worker processes, and one of them fails, is killed, or is not needed any more?"""

import multiprocessing
import os
import signal
from contextlib import closing

import pytest
import torch

from batchnorm.data import Split

ALL = torch.arange(6)
WANTED = [(ALL, None)] * 8


def test_the_processes_end_with_what_they_read(kept, photos) -> None:
    assert len(list(kept(photos, cache_size=0).images.ahead(WANTED))) == len(WANTED)
    assert multiprocessing.active_children() == []


def test_the_processes_end_when_no_more_is_wanted(kept, photos) -> None:
    with closing(Split(kept(photos, cache_size=0).images, ALL).ahead(WANTED)) as batches:
        next(batches)
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_a_killed_process_is_one_sentence(kept, photos) -> None:
    batches = kept(photos, cache_size=0).images.ahead(WANTED * 10)
    next(batches)
    # torch raises from a signal's handler if the process does not wait for a batch just then.
    said = r"^(a process that reads images has ended .*none: workers=0|DataLoader worker .* is killed)"
    with pytest.raises(RuntimeError, match=said) as raised:  # noqa: PT012 - it may be raised anywhere in here
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
        list(batches)
    assert "\n" not in str(raised.value)
    batches.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_is_gone_is_named_in_one_sentence(kept, photos, workers) -> None:
    images = kept(photos, cache_size=0, workers=workers).images
    photos[3].unlink()
    with pytest.raises(ValueError, match=r"photos/3\.png: there is no such image. Check the path\.$") as raised:
        list(images.ahead(WANTED))
    assert "\n" not in str(raised.value)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_has_changed_is_an_error(kept, photos, workers) -> None:
    images = kept(photos, cache_size=0, workers=workers).images
    photos[3].write_bytes(photos[0].read_bytes())
    with pytest.raises(ValueError, match=r"photos/3\.png: it was changed since this began"):
        list(images.ahead(WANTED))


def test_a_file_that_was_only_touched_is_read(kept, photos) -> None:
    images = kept(photos, cache_size=0).images
    photos[3].touch()
    assert len(list(images.ahead(WANTED))) == len(WANTED)


def test_the_callers_random_numbers_stay(kept, photos) -> None:
    images = kept(photos, cache_size=0).images
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    list(images.ahead(WANTED))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_are_started_anew_read_the_same(kept, photos, monkeypatch, method) -> None:
    images = kept(photos, cache_size=0, workers=1).images
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(method, force=True)
    try:
        read = list(images.ahead(WANTED))
    finally:
        multiprocessing.set_start_method(before, force=True)
    assert all(torch.equal(batch, images.read(ALL)) for batch in read)


def read_all(images, sums) -> None:
    sums.put(sum(int(batch.long().sum()) for batch in images.ahead(WANTED)))


def test_a_daemon_which_may_have_no_processes_reads_the_same(kept, photos) -> None:
    images = kept(photos, cache_size=0).images
    context = multiprocessing.get_context("fork")
    sums = context.Queue()
    daemon = context.Process(target=read_all, args=(images, sums), daemon=True)
    daemon.start()
    assert sums.get(timeout=60) == len(WANTED) * int(images.read(ALL).long().sum())
    daemon.join()
