"""What is left of decoding that is interrupted, killed, or done by two processes at once?"""

import multiprocessing
import os
import signal
import threading

import pytest
import torch

from batchnorm.data import cached_images, clear_cached_images

ALL = torch.arange(6)
FORK = multiprocessing.get_context("fork")


def read_often(kept, files, barrier, sums) -> None:
    """Look through the files again and again, and tell what is read."""
    torch.set_num_threads(1)
    for _ in range(20):
        barrier.wait()
        sums.put(kept(files).images.read(ALL).long().sum().item())
        barrier.wait()
        clear_cached_images()


def interrupt(what: str, done: int, total: int) -> None:
    if what == "decoding the images" and done == 3:
        raise KeyboardInterrupt


def kill(what: str, done: int, total: int) -> None:
    if what == "decoding the images" and done == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def test_an_interrupt_leaves_nothing_half_written_and_no_thread(kept, photos, cache) -> None:
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        kept(photos, on_progress=interrupt)
    assert list(cache.iterdir()) == []
    assert threading.active_count() == threads


def test_what_a_killed_process_left_is_removed(kept, photos, cache) -> None:
    process = FORK.Process(target=kept, args=(photos,), kwargs={"on_progress": kill})
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(list(cache.iterdir())) == 2  # what it was writing, and by what it was alone
    kept(photos[1:])
    assert [file.suffix for file in cache.iterdir()] == [".images"]


def test_two_processes_at_once_read_the_same(kept, photos, cache) -> None:
    expected = kept(photos, cache_size=0).images.read(ALL).long().sum().item()
    barrier, sums = FORK.Barrier(2), FORK.Queue()
    readers = [FORK.Process(target=read_often, args=(kept, photos, barrier, sums)) for _ in range(2)]
    for reader in readers:
        reader.start()
    assert [sums.get(timeout=60) for _ in range(40)] == [expected] * 40
    for reader in readers:
        reader.join()
        assert reader.exitcode == 0
    assert list(cache.iterdir()) == []


def test_one_that_waits_for_another_finds_what_that_one_made(kept, photos, monkeypatch) -> None:
    waiting = threading.Event()
    made = []

    def told(what: str, done: int, total: int) -> None:
        if what.startswith("waiting"):
            waiting.set()

    def first(what: str, done: int, total: int) -> None:
        if what.startswith("decoding") and done == 1:
            thread.start()
            assert waiting.wait(30)

    thread = threading.Thread(target=lambda: made.append(kept(photos, on_progress=told)))
    kept(photos, on_progress=first)
    thread.join()
    assert made[0].note == ""
    assert len(cached_images()) == 1
