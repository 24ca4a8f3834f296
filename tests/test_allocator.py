"""Does `tune_allocator` keep freed blocks, and does it say where it cannot?"""

import platform
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict

import pytest

import batchnorm
from batchnorm.allocator import SETTINGS, Process, tune_allocator

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


class Plain(Process):
    """A Linux with glibc and nothing in the way, which writes down what it is told."""

    platform = "linux"

    def __init__(self) -> None:
        self.told = []

    def glibc(self):
        return "2.36"

    def file_of(self, symbol):
        return LIBC

    def allocator_in_torch(self):
        return None

    def mallopt(self, parameter, value):
        self.told.append((parameter, value))
        return True


class MacOS(Plain):
    platform = "darwin"


class Windows(Plain):
    platform = "win32"


class Musl(Plain):
    def glibc(self):
        return None


class Jemalloc(Plain):
    def file_of(self, symbol):
        return "/usr/lib/libjemalloc.so.2" if symbol == "posix_memalign" else LIBC


class LinkedIntoPython(Plain):
    def file_of(self, symbol):
        return sys.executable if symbol == "posix_memalign" else LIBC


class TorchForAarch64(Plain):
    def allocator_in_torch(self):
        return "mimalloc"


NO_EFFECT = {
    MacOS: ("platform", "this is darwin, and only Linux"),
    Windows: ("platform", "this is win32, and only Linux"),
    Musl: ("libc", "not glibc"),
    Jemalloc: ("malloc", "/usr/lib/libjemalloc.so.2"),
    LinkedIntoPython: ("malloc", sys.executable),
    TorchForAarch64: ("torch", "its own mimalloc"),
}


@pytest.mark.parametrize("case", NO_EFFECT, ids=lambda case: case.__name__)
def test_where_it_has_no_effect_it_says_why_and_sets_nothing(case) -> None:
    cause, words = NO_EFFECT[case]
    process = case()
    tuning = tune_allocator(process)
    assert not tuning.effective
    assert (tuning.cause, tuning.settings, process.told) == (cause, (), [])
    assert words in tuning.reason
    assert str(tuning) == f"The allocator was not tuned: {tuning.reason}."
    assert not tune_allocator(process).again


def test_on_another_system_the_symbols_are_not_looked_at() -> None:
    class Other(Process):
        platform = "win32"  # where ctypes.CDLL(None) raises

        @property
        def _symbols(self):
            raise AssertionError

    assert tune_allocator(Other()).cause == "platform"


def test_with_glibc_it_sets_all_and_says_what() -> None:
    process = Plain()
    tuning = tune_allocator(process)
    assert tuning.effective
    assert process.told == [(number, value) for _, number, value in SETTINGS]
    assert tuning.libc == "glibc 2.36"
    assert dict(tuning.settings) == {"M_MMAP_MAX": 0, "M_TRIM_THRESHOLD": -1, "M_TOP_PAD": 2**26}
    assert (tuning.cause, tuning.reason, tuning.again) == ("", "", False)
    assert str(tuning).startswith("glibc 2.36 keeps freed memory until the process ends (M_MMAP_MAX=0, ")


def test_a_second_call_says_that_it_is_the_second() -> None:
    process = Plain()
    first, second = tune_allocator(process), tune_allocator(process)
    assert (first.again, second.again) == (False, True)
    assert second.effective
    assert "was told already" in str(second)


def test_what_glibc_refuses_is_named_and_is_no_success() -> None:
    class Strict(Plain):
        def mallopt(self, parameter, value):
            return parameter != -4

    tuning = tune_allocator(Strict())
    assert (tuning.effective, tuning.cause) == (False, "refused")
    assert tuning.reason == "glibc 2.36 did not take M_MMAP_MAX"
    assert [name for name, _ in tuning.settings] == ["M_TRIM_THRESHOLD", "M_TOP_PAD"]


def test_the_record_is_frozen_and_plain() -> None:
    tuning = tune_allocator(Plain())
    with pytest.raises(FrozenInstanceError, match="effective"):
        tuning.effective = False
    assert asdict(tuning)["libc"] == "glibc 2.36"
    assert hash(tuning) == hash(tune_allocator(Plain()))


def test_a_symbol_that_is_not_there_has_no_file() -> None:
    assert Process().file_of("no_such_function_anywhere") is None


def test_the_package_offers_it_without_torch() -> None:
    code = "import batchnorm, sys; batchnorm.tune_allocator(); print('torch' in sys.modules)"
    assert in_a_process(code) == ["False"]
    assert batchnorm.tune_allocator is tune_allocator


# What follows asks the system itself, in processes of their own, for the setting is one-way.
on_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or Process().allocator_in_torch() is not None,
    reason="needs glibc, and a torch that takes tensors from it",
)

FAULTS = """
import ctypes, resource, threading, torch
from batchnorm import tune_allocator

torch.set_num_threads(1)

def faults(mebibytes, rounds=10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        one, other = torch.ones(mebibytes << 18), torch.ones(mebibytes << 18)
        del one, other
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def in_a_thread(function):
    given = []
    thread = threading.Thread(target=lambda: given.append(function()))
    thread.start()
    thread.join()
    return given[0]

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() >> 20
"""


def in_a_process(code):
    """The lines that `code` prints in an interpreter of its own, which no other malloc is loaded into."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    return done.stdout.splitlines()


@on_glibc
def test_page_faults_of_a_large_tensor_end_with_the_call() -> None:
    """Counts, not times: 20 tensors of 64 MiB before and after; the rounds between fill the heap."""
    before, tuning, after = in_a_process(
        FAULTS + "print(faults(64)); print(tune_allocator()); faults(64); print(faults(64))"
    )
    assert tuning.startswith("glibc")
    assert int(before) >= 20 * 32  # one for every 2 MiB, where the kernel gives huge pages; else 16,384 a tensor
    assert int(after) <= int(before) / 20


@on_glibc
@pytest.mark.parametrize("mebibytes", [16, 40])
def test_a_thread_that_was_there_before_keeps_its_blocks_too(mebibytes: int) -> None:
    """Each thread has a heap of its own; without M_TOP_PAD the one of 16 MiB tensors is unmapped when it is free."""
    code = FAULTS + (
        f"def run(): return faults({mebibytes}), tune_allocator(), faults({mebibytes}), faults({mebibytes})\n"
        "before, _, _, after = in_a_thread(run)\n"
        "print(before, after)"
    )
    before, after = map(int, in_a_process(code)[0].split())
    assert before >= 10 * mebibytes  # both tensors each round, one fault for every 2 MiB or more
    assert after <= before / 20


@on_glibc
def test_the_peak_stays_until_it_is_trimmed_by_hand() -> None:
    code = FAULTS + (
        "tune_allocator(); start = resident()\n"
        "faults(128, 1); print(resident() - start)\n"
        "ctypes.CDLL(None).malloc_trim(0); print(resident() - start)"
    )
    kept, trimmed = map(int, in_a_process(code))
    assert kept >= 250
    assert trimmed <= 60


@on_glibc
def test_a_child_inherits_it() -> None:
    code = FAULTS + (
        "import os\n"
        "tune_allocator()\n"
        "if os.fork() == 0:\n"
        "    faults(64); print(faults(64), tune_allocator().again, flush=True); os._exit(0)\n"
        "os.wait()"
    )
    count, again = in_a_process(code)[0].split()
    assert int(count) <= 32
    assert again == "True"
