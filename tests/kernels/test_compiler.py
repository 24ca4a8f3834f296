"""Does compiling a kernel leave the user's Numba alone, say what takes so long, and are its sources clean?"""

import ast
import gc
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _compiler, _numba

from .conftest import KERNEL
from .processes import python

JIT = sorted((Path(_numba.__file__).parent / "jit").glob("*.py"))


# The user's Numba


def test_while_we_compile_numba_works_by_our_settings_and_afterwards_by_the_users(monkeypatch):
    from numba.core import config

    for name in _numba.SETTINGS:
        monkeypatch.setattr(config, name, f"the user's {name}")
    with _numba._own_settings(), _numba._without_pauses():
        assert {name: getattr(config, name) for name in _numba.SETTINGS} == _numba.SETTINGS
        assert not gc.isenabled()
    assert [getattr(config, name) for name in _numba.SETTINGS] == [f"the user's {name}" for name in _numba.SETTINGS]
    assert gc.isenabled()


def test_a_compilation_that_fails_leaves_the_users_settings(monkeypatch):
    from numba.core import config

    monkeypatch.setattr(config, "LOOP_VECTORIZE", "the user's")
    with pytest.raises(AttributeError, match="no such function"):
        _numba.make_kernel(cpu.Kernel("rows", "no such function", "float32"))
    assert config.LOOP_VECTORIZE == "the user's"
    assert gc.isenabled()


def test_garbage_that_the_user_does_not_collect_is_not_collected_afterwards_either():
    gc.disable()
    try:
        with _numba._without_pauses():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_function_of_the_users_that_is_compiled_meanwhile_waits_for_the_users_settings(monkeypatch):
    from numba.core import config
    from numba.core.compiler_lock import global_compiler_lock

    seen, inside = [], threading.Event()

    def users() -> None:
        inside.wait(20)
        with global_compiler_lock:
            seen.append(config.LOOP_VECTORIZE)

    def make(*_: object) -> object:
        inside.set()
        thread.join(0.2)
        assert thread.is_alive()  # it waits
        raise ValueError("enough")

    import batchnorm.kernels.cpu.jit.rows as rows

    monkeypatch.setattr(config, "LOOP_VECTORIZE", 17)
    monkeypatch.setattr(rows, "forward", make)
    thread = threading.Thread(target=users)
    thread.start()
    with pytest.raises(ValueError, match="enough"):
        _numba.make_kernel(KERNEL)
    thread.join()
    assert seen == [17]


@pytest.mark.slow
def test_kernels_compile_also_where_the_user_has_switched_numba_off(tmp_path):
    """To step through functions of one's own with a debugger, NUMBA_DISABLE_JIT=1 is the way."""
    python(
        f"""
assert cpu.address_of(cpu.{KERNEL!r})
import numba
assert numba.config.DISABLE_JIT == 1
assert numba.njit(lambda: 1).__class__.__name__ == "function"
""",
        {"NUMBA_DISABLE_JIT": "1", "BATCHNORM_CACHE": str(tmp_path)},
    )


# The line that says why it takes so long


class Clock:
    """A clock and its timers: time goes on when `work` is called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: dict[object, tuple[float, Callable[[], None]]] = {}
        self.daemon = False

    def timer(self, seconds: float, action: Callable[[], None]) -> "Timer":
        return Timer(self, self.now + seconds, action)

    def work(self, seconds: float) -> None:
        self.now += seconds
        for timer, (when, action) in list(self.due.items()):
            if when <= self.now:
                del self.due[timer]
                action()


class Timer:
    def __init__(self, clock: Clock, when: float, action: Callable[[], None]) -> None:
        self.clock, self.entry, self.daemon = clock, (when, action), False

    def start(self) -> None:
        assert self.daemon, "it would keep the process alive"
        self.clock.due[self] = self.entry

    def cancel(self) -> None:
        self.clock.due.pop(self, None)


LINE = "batchnorm: compiling CPU kernels, once for this machine (kept in /some/where)\n"


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([1.9], ""),
        ([2.1], LINE),
        ([0.5, 0.5, 0.5, 0.4], ""),
        ([0.5, 0.5, 0.5, 0.6], LINE),
        ([3.0, 3.0], LINE),
    ],
)
def test_after_two_seconds_of_compiling_one_line_says_why(pieces, said, capsys):
    clock = Clock()
    notice = _compiler.Notice(2.0, lambda: clock.now, clock.timer)
    for seconds in pieces:
        clock.work(100.0)  # something else
        with notice.of_waiting(Path("/some/where/kernel.o")):
            clock.work(seconds)
    assert capsys.readouterr() == ("", said)
    assert clock.due == {}


def test_the_line_comes_while_a_kernel_is_compiled_that_takes_long(capsys):
    clock = Clock()
    with _compiler.Notice(2.0, lambda: clock.now, clock.timer).of_waiting(Path("/some/where/kernel.o")):
        clock.work(2.1)
        assert capsys.readouterr().err == LINE


def test_a_compilation_that_fails_stops_the_clock(capsys):
    clock = Clock()
    with (
        pytest.raises(ValueError, match="x"),
        _compiler.Notice(2.0, lambda: clock.now, clock.timer).of_waiting(None),
    ):
        raise ValueError("x")
    assert clock.due == {}


def test_the_line_says_where_nothing_is_kept(capsys):
    clock = Clock()
    with _compiler.Notice(2.0, lambda: clock.now, clock.timer).of_waiting(None):
        clock.work(3.0)
    assert "not kept: there is no home folder; BATCHNORM_CACHE names another" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "not there"])
def test_a_standard_error_that_cannot_be_written_is_no_failure(closed, monkeypatch, tmp_path):
    with (tmp_path / "stream").open("w") as stream:
        pass
    monkeypatch.setattr(sys, "stderr", stream if closed else None)
    clock = Clock()
    with _compiler.Notice(2.0, lambda: clock.now, clock.timer).of_waiting(None):
        clock.work(3.0)


def test_a_real_clock_and_a_real_timer_do_the_same(cache, capsys, monkeypatch):
    compile_, over = _numba.make_kernel, threading.Event()

    def slow(kernel: cpu.Kernel) -> _numba.Made:
        over.wait(0.3)
        return compile_(kernel)

    monkeypatch.setattr(_numba, "make_kernel", slow)
    monkeypatch.setattr(_compiler, "NOTICE", _compiler.Notice(patience=0.05))
    cache.use()
    assert capsys.readouterr().err.count("compiling CPU kernels") == 1


# The sources of the kernels


def numba_calls() -> list[tuple[str, str, dict[str | None, object]]]:
    """Every call of cfunc or njit: where, which, and its keywords as literals."""
    found = []
    for path in JIT:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("cfunc", "njit", "jit", "vectorize"):
                keywords = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
                found.append((f"{path.name}:{node.lineno}", node.func.id, keywords))
    return found


def test_there_are_kernels_to_look_at():
    assert sum(name == "cfunc" for _, name, _ in numba_calls()) >= 10


def test_a_division_by_zero_in_a_kernel_gives_infinity_and_no_python_exception():
    """An exception could not leave a kernel: nobody would hear of it."""
    assert [place for place, _, keywords in numba_calls() if keywords.get("error_model") != "numpy"] == []


def test_no_kernel_lets_the_compiler_assume_that_there_is_no_nan():
    assert [place for place, _, keywords in numba_calls() if "fastmath" in keywords] == []


def test_no_kernel_uses_numbas_own_threads_or_its_own_cache():
    assert [place for place, _, keywords in numba_calls() if {"parallel", "cache"} & set(keywords)] == []


def test_no_decorator_is_used_without_its_options():
    bare = [
        f"{path.name}:{node.lineno}"
        for path in JIT
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(getattr(decorator, "id", None) in ("cfunc", "njit") for decorator in node.decorator_list)
    ]
    assert bare == []


@pytest.mark.slow
def test_every_kernel_of_float32_compiles_without_a_warning_and_can_be_loaded_without_numba(tmp_path):
    python(
        """
from batchnorm.kernels.cpu import _numba, _objects

for kernel in cpu.all_kernels():
    if kernel.dtype == "float32":
        made = _numba.make_kernel(kernel)
        assert _objects.link(made.symbol, made.code), kernel
""",
        {"BATCHNORM_CACHE": str(tmp_path)},
        timeout=500,
    )
