"""Do the kernels work in a child of a process that has used them?

The parent's OpenMP threads are not there in the child; torch's own operators would wait for them for ever, so that
nothing but our kernels may run in several threads behind a fork here.
"""

import sys

import pytest

from .processes import python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

CHILD = """
import signal
expected = fused(threads=1)

def in_child(work):
    "Fork, let the child work, fail if it fails or takes twenty seconds."
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if work() else 1)
    assert os.waitpid(child, 0)[1] == 0, "the child has failed, or it hung"
"""


@pytest.mark.parametrize("runner", ["openmp", pytest.param("pool", marks=pytest.mark.slow)])
def test_a_forked_child_and_its_child_compute_the_same_in_any_number_of_threads(runner):
    python(f"""{CHILD}
from batchnorm.kernels.cpu import _team
if "{runner}" == "pool":
    _team.openmp = lambda: None

def child():
    assert all(fused(threads) == expected for threads in (1, 2, 3))
    in_child(lambda: fused(2) == expected)
    return fused(2) == expected

assert fused(2) == expected
in_child(child)
assert fused(2) == expected
""")


def test_a_child_that_is_forked_while_other_threads_are_in_kernels_computes_the_same():
    python(f"""{CHILD}
over = threading.Event()

def work():
    while not over.is_set():
        assert fused(2) == expected

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(5):
    in_child(lambda: fused(2) == expected)
over.set()
for thread in threads:
    thread.join()
""")


def test_a_fork_waits_for_a_kernel_that_another_thread_is_compiling():
    """The child would find the compiler in the middle of it, and its lock held by a thread that it does not have."""
    python(f"""{CHILD}
import time
from batchnorm.kernels.cpu import _compiler, _numba, _objects
begun, made = threading.Event(), []

def slow(kernel):
    begun.set()
    time.sleep(0.5)
    made.append(kernel)
    return _numba.Made("symbol", b"", 12345, None)

_numba.make_kernel, _objects.link = slow, lambda *_: None
other = cpu.Kernel("rows", "no such function", "float32")
thread = threading.Thread(target=cpu.address_of, args=(other,))
thread.start()
begun.wait()
in_child(lambda: made == [other] and cpu.address_of(other) == 12345 and fused(2) == expected)
thread.join()
""")


def test_processes_of_multiprocessing_that_are_forked_compute_the_same():
    python("""
import multiprocessing
expected = fused(2)

def work(threads):
    return fused(threads) == expected

with multiprocessing.get_context("fork").Pool(2) as processes:
    assert processes.map_async(work, [1, 2, 3, 2]).get(60) == [True] * 4
assert fused(2) == expected
""")


DATASET = """
import torch
from batchnorm.functional import batch_norm


class Normalized(torch.utils.data.Dataset):
    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        torch.set_num_threads(2)  # a loader sets 1
        y = batch_norm(self.x[index], None, None, training=True, route="fused")
        torch.set_num_threads(1)  # what else there is to do is done by torch
        return y
"""


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_the_workers_of_a_dataloader_compute_the_same(tmp_path, start):
    (tmp_path / "own_dataset.py").write_text(DATASET, encoding="utf-8")
    python(
        f"""
from own_dataset import Normalized
torch.set_num_threads(2)
inputs = [X, X + 1, X * 2]
expected = [batch_norm(x, None, None, training=True, route="fused") for x in inputs]
loader = torch.utils.data.DataLoader(
    Normalized(inputs), batch_size=None, num_workers=2 if "{start}" == "fork" else 1,
    multiprocessing_context="{start}", timeout=60,
)
assert all(torch.equal(found, one) for found, one in zip(loader, expected, strict=True))
""",
        {"PYTHONPATH": str(tmp_path)},
    )
