"""Does a pool of processes lose no more than what its killed process worked on, and end when it is to?"""

import math
import os
import signal
import subprocess
import sys
import time

import pytest

from batchnorm.study._pool import WorkerLostError, WorkerPool


@pytest.fixture(scope="module")
def pool():
    with WorkerPool(1, threads=1) as pool:
        yield pool


def test_a_process_returns_what_the_function_returns(pool):
    assert pool.submit(math.factorial, 20).result() == math.factorial(20)


def test_the_process_stays_for_the_next_call(pool):
    assert pool.submit(os.getpid).result() == pool.submit(os.getpid).result() != os.getpid()


def test_what_a_function_raises_is_raised_with_its_type(pool):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        pool.submit(os.listdir, "/nowhere").result()


def test_the_error_carries_the_traceback_of_the_other_process(pool):
    error = pool.submit(math.sqrt, -1).exception()
    assert "Traceback" in error.__notes__[0]


def test_a_process_has_the_threads_that_were_asked_for(pool):
    import torch

    assert pool.submit(torch.get_num_threads).result() == 1


def test_an_interrupt_does_not_reach_a_process(pool):
    pid = pool.submit(os.getpid).result()
    os.kill(pid, signal.SIGINT)
    assert pool.submit(os.getpid).result() == pid


def test_a_process_prints_on_the_standard_error(pool, capfd):
    pool.submit(os.write, 1, b"of a worker").result()
    seen = capfd.readouterr()
    assert not seen.out


@pytest.mark.slow  # starts a process of its own, and so do those below
def test_only_the_call_of_a_killed_process_is_lost_and_the_next_has_a_new_one(pool):
    pid = pool.submit(os.getpid).result()
    lost = pool.submit(time.sleep, 60)
    after = pool.submit(os.getpid)
    time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerLostError, match=r"its process was killed \(SIGKILL\)"):
        lost.result()
    assert after.result() != pid


@pytest.mark.slow
def test_stop_does_not_wait_for_what_is_under_way():
    pool = WorkerPool(1, threads=1)
    pool.submit(os.getpid).result()
    lost = pool.submit(time.sleep, 600)
    while not lost.running():
        time.sleep(0.01)
    waiting = pool.submit(time.sleep, 600)
    pool.stop()
    assert isinstance(lost.exception(), WorkerLostError)
    assert waiting.cancelled()


PARENT = """
import os, sys, time
from batchnorm.study._pool import WorkerPool
if __name__ == "__main__":
    pool = WorkerPool(1, threads=1)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_busy_process_ends_when_its_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(pid)


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
