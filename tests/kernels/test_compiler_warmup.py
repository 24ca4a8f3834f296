"""Are all kernels made ready, by several processes where that goes, and do these end whatever happens?"""

import ctypes
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import torch

from batchnorm.kernels import Affine, Behind, cpu
from batchnorm.kernels.cpu import _compiler, _launch, _warmup, _workers

from .processes import python

DTYPES = [torch.float32, torch.float64, torch.bfloat16]
KERNELS = cpu.all_kernels()[:12]


# Which kernels there are


def ask_for_everything() -> None:
    """Call each family with each dtype, layout, activation and in both modes."""
    for dtype, memory_format, training in product(
        DTYPES, (torch.contiguous_format, torch.channels_last), (True, False)
    ):
        x = torch.ones(2, 3, 4, 6, dtype=dtype).contiguous(memory_format=memory_format)
        cpu.moments(x)
        statistics = None if training else (torch.zeros(3), torch.ones(3))
        for activation, residual in [*((name, None) for name in cpu.ACTIVATIONS), ("relu", x)]:
            y, mean, var, masks = cpu.forward(x, statistics, None, None, 1e-5, activation, residual)
            add = residual is not None
            cpu.backward(y, x, mean, var, None, None, masks, 1e-5, activation, add, training)
            behind, a = Behind(activation, add), Affine()
            cpu.apply(x, a, behind, residual)
            cpu.sums(y, x, a, behind, masks)
            cpu.apply_back(y, x, a, None, behind, masks)
        y, mean, var, masks = cpu.forward(x, statistics, None, None, 1e-5, "relu", pool=True)
        cpu.backward(y, x, mean, var, None, None, masks, 1e-5, "relu", False, training, pool=True)


def test_all_kernels_are_just_those_that_are_asked_for(monkeypatch):
    asked = set()
    nothing = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)

    def spy(kernel: cpu.Kernel) -> int:
        asked.add(kernel)
        return ctypes.cast(nothing, ctypes.c_void_p).value

    monkeypatch.setattr(_launch, "address_of", spy)
    ask_for_everything()
    assert asked == set(cpu.all_kernels())
    assert len(cpu.all_kernels()) == len(asked)


def test_training_with_relu_in_float32_comes_first():
    assert {(kernel.dtype, kernel.options) for kernel in KERNELS[:8]} == {("float32", ()), ("float32", ("relu", False))}


# The order in which they are made ready


class Fakes:
    """A cache of which some kernels are kept, workers who make others, and what was loaded or compiled here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: set[cpu.Kernel] = set()
        self.by_others: list[cpu.Kernel] = []
        self.asked_of_others: tuple[cpu.Kernel, ...] = ()
        self.here: list[cpu.Kernel] = []
        monkeypatch.setattr(_warmup, "all_kernels", lambda: KERNELS)
        monkeypatch.setattr(_warmup, "is_kept", lambda kernel: kernel in self.kept)
        monkeypatch.setattr(_warmup, "address_of", self.here.append)
        monkeypatch.setattr(_workers, "compiled_by_others", self.others)
        monkeypatch.setattr(_warmup, "NOTICE", _compiler.Notice())

    def others(self, kernels: tuple[cpu.Kernel, ...]) -> Iterator[cpu.Kernel]:
        self.asked_of_others = kernels
        yield from self.by_others


@pytest.fixture
def fakes(monkeypatch) -> Fakes:
    return Fakes(monkeypatch)


def test_what_is_kept_is_loaded_what_others_have_compiled_too_and_the_rest_is_compiled_here(fakes):
    fakes.kept = set(KERNELS[:3])
    fakes.by_others = [KERNELS[7], KERNELS[4]]
    assert _warmup.warmup() == 12
    assert fakes.asked_of_others == KERNELS[3:]
    assert fakes.here[:5] == [*KERNELS[:3], KERNELS[7], KERNELS[4]]
    assert sorted(fakes.here) == sorted(KERNELS)


def test_the_report_counts_each_kernel_once(fakes):
    fakes.by_others = list(KERNELS[::-1])
    reports = []
    _warmup.warmup(lambda *report: reports.append(report))
    assert reports == [(done, 12, str(kernel)) for done, kernel in enumerate(KERNELS[::-1])]


def test_only_kernels_of_the_dtypes_that_were_asked_for_are_made(fakes, monkeypatch):
    kernels = cpu.all_kernels()
    monkeypatch.setattr(_warmup, "all_kernels", lambda: kernels)
    _warmup.warmup()
    assert fakes.here == [kernel for kernel in kernels if kernel.dtype in ("float32", "bfloat16")]
    assert _warmup.warmup(dtypes=("float64",)) == sum(kernel.dtype == "float64" for kernel in kernels)


@pytest.mark.parametrize("reported", [True, False])
def test_who_is_shown_the_progress_is_not_told_why_it_takes_long(fakes, reported):
    _warmup.warmup((lambda *_: None) if reported else None)
    assert _warmup.NOTICE.told == reported


def test_kept_kernels_are_counted(fakes):
    fakes.kept = set(KERNELS[:3])
    assert _warmup.kept_kernels() == 3


# The other processes

WORKER = """
import json, sys
for number, line in enumerate(sys.stdin):
    room, make, dtype, options = json.loads(line)
    {rule}
    print("-".join((room, make, dtype, *(str(option).lower() for option in options))), flush=True)
"""


class Processes:
    """Those that were started, with a program that takes no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.started: list[subprocess.Popen[str]] = []
        self.popen = subprocess.Popen
        monkeypatch.setattr(_workers.subprocess, "Popen", self.start)
        self.obey("pass")

    def start(self, *arguments: object, **options: object) -> "subprocess.Popen[str]":
        self.started.append(self.popen(*arguments, **options))
        return self.started[-1]

    def obey(self, rule: str) -> None:
        """What the workers do before each answer."""
        self.monkeypatch.setattr(_workers, "_PROGRAM", WORKER.format(rule=rule))

    @property
    def alive(self) -> int:
        return sum(process.poll() is None for process in self.started)


@pytest.fixture
def processes(monkeypatch, tmp_path) -> Iterator[Processes]:
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    found = Processes(monkeypatch)
    yield found
    torch.set_num_threads(before)
    assert found.alive == 0


def test_two_processes_compile_all(processes):
    assert sorted(_workers.compiled_by_others(KERNELS)) == sorted(KERNELS)
    assert len(processes.started) == 2


@pytest.mark.parametrize(("threads", "expected"), [(1, 0), (3, 3), (64, 3)])
def test_there_are_as_many_processes_as_torch_has_threads_but_not_for_a_few_kernels_each(processes, threads, expected):
    torch.set_num_threads(threads)
    list(_workers.compiled_by_others(KERNELS))
    assert len(processes.started) == expected


def test_for_few_kernels_no_process_is_started(processes):
    assert list(_workers.compiled_by_others(KERNELS[:7])) == []
    assert list(_workers.compiled_by_others(())) == []
    assert processes.started == []


def test_where_nothing_can_be_kept_no_process_is_started(processes, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "file"))
    assert list(_workers.compiled_by_others(KERNELS)) == []
    assert processes.started == []


@pytest.mark.parametrize("change", [("executable", ""), ("executable", None), ("frozen", True)])
def test_inside_an_application_that_is_no_python_no_process_is_started(processes, monkeypatch, change):
    monkeypatch.setattr(sys, *change, raising=False)
    assert list(_workers.compiled_by_others(KERNELS)) == []
    assert processes.started == []


RULES = {
    "dies at once": ("sys.exit(1)", 0),
    "dies after some": ("number < 2 or sys.exit(1)", 4),
    "answers something else": ("print('something else', flush=True)", 0),
    "prints no line": ("sys.stdout.write('no end'); sys.stdout.flush(); sys.exit()", 0),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_a_worker_fails_at_is_left_out(processes, rule):
    text, expected = RULES[rule]
    processes.obey(text)
    found = list(_workers.compiled_by_others(KERNELS))
    assert len(found) == expected
    assert set(found) <= set(KERNELS)


def test_one_worker_that_dies_leaves_its_share_to_the_other(processes):
    processes.obey("(room, make, options) != ('rows', 'forward', ['relu', False]) or sys.exit(1)")
    assert set(_workers.compiled_by_others(KERNELS)) == set(KERNELS) - {
        cpu.Kernel("rows", "forward", "float32", ("relu", False))
    }


def test_a_program_that_cannot_be_started_is_no_failure(processes, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert list(_workers.compiled_by_others(KERNELS)) == []


def test_workers_end_when_nobody_takes_their_kernels_any_more(processes):
    made = _workers.compiled_by_others(KERNELS)
    next(made)
    assert processes.alive == 2
    made.close()
    assert processes.alive == 0


def test_ctrl_c_ends_workers_that_hang(processes, monkeypatch):
    monkeypatch.setattr(_workers, "GRACE", 0.1)
    processes.obey("import time; time.sleep(60)")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            list(_workers.compiled_by_others(KERNELS))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert processes.alive == 0


@pytest.mark.parametrize("kept", [True, False])
def test_a_worker_answers_with_the_names_of_what_it_has_kept(monkeypatch, capsys, kept):
    done: list[cpu.Kernel] = []
    monkeypatch.setattr(_workers, "address_of", done.append)
    monkeypatch.setattr(_workers, "is_kept", lambda _: kept)
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps(kernel) + "\n" for kernel in KERNELS)))
    _workers.serve()
    assert done == list(KERNELS if kept else KERNELS[:1])
    assert capsys.readouterr().out == "".join(f"{kernel}\n" for kernel in KERNELS if kept)


# With real kernels


@pytest.mark.slow
def test_warmup_keeps_every_kernel_and_the_next_process_needs_no_numba(tmp_path):
    code = """
reports, names = [], ("float32", "bfloat16", "float64")
assert cpu.warmup(lambda *report: reports.append(report), names) == len(cpu.all_kernels())
assert [done for done, _, _ in reports] == list(range(len(cpu.all_kernels())))
assert {name for _, _, name in reports} == set(map(str, cpu.all_kernels()))
assert cpu.kept_kernels() == len(cpu.all_kernels())
assert {path.name for path in cpu.folder().iterdir()} == {f"{kernel}.o" for kernel in cpu.all_kernels()}
assert "numba" not in sys.modules
"""
    for _ in range(2):
        python("torch.set_num_threads(2)\n" + code, {"BATCHNORM_CACHE": str(tmp_path)}, timeout=500)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")
def test_ctrl_c_during_a_warmup_ends_all_its_processes_and_leaves_whole_files(tmp_path):
    code = "import torch; torch.set_num_threads(2); from batchnorm.kernels import cpu; cpu.warmup(lambda *_: print(_))"
    running = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        env={**os.environ, "BATCHNORM_CACHE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running.stdout.readline()
    assert len(with_cache(tmp_path)) == 3
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert "KeyboardInterrupt" in error
    assert with_cache(tmp_path) == []
    assert [path for path in tmp_path.rglob("*.*") if path.suffix != ".o"] == []


def with_cache(folder: Path) -> list[int]:
    """The processes that were started with that cache folder and have not ended."""
    found = []
    time.sleep(0.1)
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"BATCHNORM_CACHE={folder}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_worker_takes_no_module_from_the_present_folder(monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("from pathlib import Path\nPath('ran').touch()\nloads = eval\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_workers, "_PROGRAM", _workers._PROGRAM.split("; from ")[0] + "; print(json.__file__)")
    with _workers._processes(1) as (worker,):
        said = worker.stdout.read().strip()
    assert not (tmp_path / "ran").exists()
    assert said.endswith("__init__.py")
