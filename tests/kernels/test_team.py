"""Do the kernels give the same bits by whatever threads they are run, and do those threads leave the memory in time?"""

import ctypes
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from batchnorm.functional import batch_norm
from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _team
from batchnorm.kernels.cpu._pool import Pool

RUNNERS = {"openmp": cpu.openmp(), "pool": cpu.pool()}
FORMATS = {"rows": torch.contiguous_format, "columns": torch.channels_last}
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@pytest.fixture(params=RUNNERS)
def runner(request) -> Iterator[Callable[[int, int, int], None]]:
    """Each way to run a kernel in several threads, while it is in use."""
    chosen = RUNNERS[request.param]
    if chosen is None:
        pytest.skip("torch's OpenMP library is not GNU's here")
    with cpu.use_runner(chosen):
        yield chosen


@pytest.fixture(autouse=True)
def threads() -> Iterator[Callable[[int], None]]:
    """Set the number of torch's threads, for this test."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield torch.set_num_threads
    torch.set_num_threads(before)


def data(layout: str, seed: int = 0) -> Tensor:
    """Values enough for several threads, too few to take long, and not a multiple of anything."""
    x = torch.randn(7, 19, 17, 19, generator=torch.Generator().manual_seed(seed))
    return x.contiguous(memory_format=FORMATS[layout])


def both_ways(x: Tensor) -> list[bytes]:
    """Training batch norm with ReLU, forward and backward, as the bits of all that comes out."""
    y, mean, var, masks = cpu.forward(x, None, None, None, 1e-5, "relu")
    found = [y, mean, var, *cpu.backward(y, x, mean, var, None, None, masks, 1e-5, "relu", False, True)]
    return [tensor.contiguous().numpy().tobytes() for tensor in found]


def address(function: Callable[[], None]) -> tuple[int, object]:
    """A function as a kernel: its address, and what must be kept."""
    kept = CALLBACK(lambda _: function())
    return ctypes.cast(kept, ctypes.c_void_p).value or 0, kept


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("count", [2, 3, 16])
def test_any_number_of_threads_gives_the_bits_of_one(runner, threads, count, layout):
    threads(1)
    expected = both_ways(data(layout))
    threads(count)
    assert both_ways(data(layout)) == expected


def test_a_runner_uses_other_threads(runner):
    """Nobody passes the barrier unless two are there."""
    together = threading.Barrier(2, timeout=20)
    kernel, _kept = address(lambda: together.wait() and None)
    runner(kernel, 0, 2)
    assert together.n_waiting == 0


def test_torchs_number_of_threads_is_asked_at_every_call(threads):
    asked = []

    def spy(kernel: int, arguments: int, count: int) -> None:
        asked.append(count)
        _team.run_alone(kernel, arguments, 1)

    with cpu.use_runner(spy):
        for count in (2, 3, 1, 5):
            threads(count)
            cpu.forward(data("rows"), None, None, None, 1e-5, "relu")
    assert asked == [2, 3, 5]  # one thread is an ordinary call


def test_a_small_tensor_stays_in_the_calling_thread():
    with cpu.use_runner(lambda *_: pytest.fail("other threads were woken")):
        cpu.forward(torch.randn(4, 8, 31, 33)[..., :32].contiguous(), None, None, None, 1e-5, "relu")


@pytest.mark.parametrize("layout", FORMATS)
def test_eight_threads_of_the_user_at_once_each_get_their_own_result(runner, layout):
    inputs = [data(layout, seed) for seed in range(8)]
    expected = [both_ways(x) for x in inputs]
    ready = threading.Barrier(8, timeout=60)

    def work(x: Tensor) -> list[list[bytes]]:
        torch.set_num_threads(2)  # the number belongs to the thread
        ready.wait()
        return [both_ways(x) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, inputs))
    assert found == [[bits] * 5 for bits in expected]


def test_a_call_inside_a_hook_of_backward_does_not_disturb_it(runner):
    x = data("rows").requires_grad_()
    expected, seen = both_ways(data("columns")), []

    def run(hooked: bool) -> Tensor:
        y = batch_norm(x, None, None, training=True, activation="relu", route="fused")
        if hooked:
            y.register_hook(lambda _: seen.append(both_ways(data("columns"))))
        return torch.autograd.grad(y.square().sum(), x)[0]

    assert torch.equal(run(hooked=True), run(hooked=False))
    assert seen == [expected]


def test_a_kernel_called_inside_a_kernel_ends(runner):
    """The inner one gets fewer threads, or none besides its own."""
    inside, _kept_inside = address(lambda: None)
    outside, _kept_outside = address(lambda: runner(inside, 0, 2))
    runner(outside, 0, 2)


def test_a_runner_of_ones_choice_is_gone_behind_its_block_and_behind_an_error():
    asked = []

    def broken(*_: int) -> None:
        asked.append(1)
        raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"), cpu.use_runner(broken):
        _team.run(0, 0, 2)
    cpu.forward(data("rows"), None, None, None, 1e-5, "relu")
    assert asked == [1]


class Collected:
    """An executor that keeps what it is given instead of doing it."""

    def __init__(self) -> None:
        self.given: list[Callable[[], None]] = []

    def submit(self, function: Callable[[], None]) -> None:
        self.given.append(function)


def test_a_helper_that_comes_when_all_is_done_touches_nothing():
    """By then the arguments may be gone."""
    calls: list[tuple[int, int, int]] = []
    pool = Pool(lambda *arguments: calls.append(arguments))
    pool.helpers = Collected()
    pool.run(5, 6, 3)
    for late in pool.helpers.given:
        late()
    assert len(pool.helpers.given) == 2
    assert calls == [(5, 6, 1)]


@pytest.mark.parametrize("started", [0, 1])
def test_a_pool_that_gets_no_more_threads_does_all_with_those_that_there_are(started):
    class Refusing(Collected):
        def submit(self, function: Callable[[], None]) -> None:
            super().submit(function)  # the standard library's, too, has it in its queue when starting a thread fails
            if len(self.given) > started:
                raise RuntimeError("can't start new thread")

    calls = []
    pool = Pool(lambda *_: calls.append(threading.get_ident()))
    pool.helpers = Refusing()
    pool.run(0, 0, 4)
    assert calls == [threading.get_ident()]


def test_a_pool_waits_for_a_helper_that_is_inside():
    inside, events = threading.Event(), []

    def kernel(*_: int) -> None:
        if threading.current_thread() is threading.main_thread():
            inside.wait(20)
        else:
            inside.set()
            time.sleep(0.1)
            events.append("helper is done")

    Pool(kernel).run(0, 0, 2)
    assert events == ["helper is done"]


def test_ctrl_c_reaches_the_caller_of_a_pool_only_when_no_helper_is_inside():
    inside, events = threading.Event(), []

    def kernel(*_: int) -> None:
        if threading.current_thread() is threading.main_thread():
            inside.wait(20)
        else:
            inside.set()
            for _ in range(2):
                time.sleep(0.1)
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            events.append("helper is done")

    pool = Pool(kernel)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        pool.run(0, 0, 2)
    assert events == ["helper is done"]


def test_after_ctrl_c_in_a_kernel_the_next_call_is_right(runner):
    expected = both_ways(data("rows"))
    kernel = ctypes.cast(ctypes.CDLL(None)["raise"], ctypes.c_void_p).value  # as if the key were hit meanwhile
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        runner(kernel, signal.SIGINT, 2)
    assert both_ways(data("rows")) == expected


def test_without_openmp_the_pool_runs(monkeypatch):
    expected = both_ways(data("columns"))
    monkeypatch.setattr(_team, "openmp", lambda: None)
    _team.runner_in.cache_clear()
    try:
        assert cpu.team_name() == "threads of the standard library"
        assert isinstance(_team.runner_in(os.getpid()).__self__, Pool)
        assert both_ways(data("columns")) == expected
    finally:
        _team.runner_in.cache_clear()


def test_where_the_system_cannot_say_what_is_loaded_there_is_no_openmp(monkeypatch):
    """Windows."""
    monkeypatch.delattr(os, "RTLD_NOLOAD")
    assert cpu.openmp() is None


NAMES = ["torch/lib/libgomp.so.1", "torch/lib/libgomp-a34b3233.so.1", "torch.libs/libgomp-947d5fa1.so.1.0.0"]


@pytest.mark.parametrize("name", NAMES)
def test_torchs_openmp_library_is_found_also_where_a_wheel_has_renamed_it(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert list(_team.openmp_libraries(tmp_path / "torch")) == [path]


@pytest.mark.parametrize("name", ["libomp.dylib", "libiomp5.so", "libiomp5md.dll"])
def test_another_openmp_is_left_alone(tmp_path, name, monkeypatch):
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    (tmp_path / "torch" / "lib" / name).touch()
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "torch" / "__init__.py"))
    assert cpu.openmp() is None


def test_a_copy_of_the_library_that_torch_has_not_loaded_is_not_taken(tmp_path, monkeypatch):
    (own,) = _team.openmp_libraries(Path(torch.__file__).parent) or [None]
    if own is None:
        pytest.skip("torch's OpenMP library is not GNU's here")
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    shutil.copy(own, tmp_path / "torch" / "lib" / "libgomp.so.1")
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "torch" / "__init__.py"))
    assert cpu.openmp() is None
