"""How is glibc told to keep large freed blocks for the next step, instead of giving them back to the kernel?"""

import ctypes
import importlib.util
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

# The numbers are those of glibc's <malloc.h>; every value is an int, and counts for all arenas of the process.
SETTINGS = (
    # No block is mapped, whatever its size. Raising M_MMAP_THRESHOLD instead would not do: glibc takes at most 32 MiB.
    ("M_MMAP_MAX", -4, 0),
    # -1 becomes the largest size_t: the end of a heap is never given back. (2 GiB would be the largest positive value.)
    ("M_TRIM_THRESHOLD", -1, -1),
    # The heap of a thread other than the first is unmapped when it is wholly free, whatever the threshold, unless the
    # one before it has less room than this pad; 64 MiB is the largest such heap, so none is. What a heap takes in
    # advance is address space, not memory: a page that is not touched does not exist.
    ("M_TOP_PAD", -2, 64 << 20),
    # M_ARENA_MAX stays. One arena for all would keep blocks of 64 MiB and more in every thread, but threads that were
    # started before keep theirs and hand them on, and all others would wait for one lock.
)

Cause = Literal["", "platform", "libc", "malloc", "torch", "refused"]


@dataclass(frozen=True)
class AllocatorTuning:
    """What `tune_allocator` did; `str()` of it is one sentence.

    Attributes:
        effective: whether large freed blocks are kept from now on.
        libc: the C library with its version, e.g. "glibc 2.36"; `None` where it is not glibc.
        settings: pairs of a name of `mallopt` and the value that it took.
        cause: "" where it is effective; else what stands against it: the "platform", the "libc", another "malloc" in
            front of glibc's, an allocator inside "torch", or that glibc "refused".
        reason: the same in words.
        again: whether the process had been tuned before.
    """

    effective: bool
    libc: str | None
    settings: tuple[tuple[str, int], ...]
    cause: Cause
    reason: str
    again: bool

    def __str__(self) -> str:
        """Say it in one sentence."""
        if not self.effective:
            return f"The allocator was not tuned: {self.reason}."
        how = ", ".join(f"{name}={value}" for name, value in self.settings)
        since = "was told already to keep" if self.again else "keeps"
        return f"{self.libc} {since} freed memory until the process ends ({how})."


class Process:
    """A process as far as its allocator goes: what is looked at, and what is set; this one is the running process."""

    platform = sys.platform
    tuned = False

    @cached_property
    def _symbols(self) -> ctypes.CDLL:
        return ctypes.CDLL(None)

    def glibc(self) -> str | None:
        """Return glibc's version; `None` where the C library is another (musl, Android's): it lacks the function."""
        version = getattr(self._symbols, "gnu_get_libc_version", None)
        if version is None:
            return None
        version.restype = ctypes.c_char_p
        text: bytes = version()
        return text.decode()

    def file_of(self, symbol: str) -> str | None:
        """Return the file whose `symbol` the process uses; `None` where that cannot be told."""
        try:
            address = ctypes.cast(getattr(self._symbols, symbol), ctypes.c_void_p)
            found = _SymbolInfo()
            known = self._symbols.dladdr(address, ctypes.byref(found))
        except AttributeError:
            return None
        return found.file.decode(errors="replace") if known and found.file else None

    def allocator_in_torch(self) -> str | None:
        """Return the allocator that torch was built with; `None` where tensors come from malloc, or without torch."""
        try:
            torch = importlib.util.find_spec("torch")  # finds the folder, and imports nothing
        except ValueError:
            return None
        if torch is None or torch.origin is None:
            return None
        library = Path(torch.origin).parent / "lib" / "libc10.so"
        # It is linked in and its functions are hidden, so its messages are all that shows it.
        return "mimalloc" if library.is_file() and b"mimalloc" in library.read_bytes() else None

    def mallopt(self, parameter: int, value: int) -> bool:
        """Set one of glibc's options; return whether it took it."""
        return bool(self._symbols.mallopt(parameter, value))


class _SymbolInfo(ctypes.Structure):
    """`Dl_info` of <dlfcn.h>."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


THIS_PROCESS = Process()


def tune_allocator(process: Process = THIS_PROCESS) -> AllocatorTuning:
    """Keep freed memory in the process, so that the next training step need not ask the kernel for it again.

    glibc maps every block of more than 32 MiB anew and gives it back when it is freed. So each training step meets a
    page fault for every page of such an activation, which can cost more than the arithmetic. After this call, freed
    blocks stay.

    **It cannot be undone.** It lasts until the process ends: glibc cannot be asked for the former values, and its
    thresholds, which adapt themselves until a program sets them, no longer adapt. Child processes inherit it. Another
    call changes nothing.

    **Memory.** The process keeps its peak: under a memory limit (a container, a batch system) that peak must fit, and
    it is not there for other processes. It may grow beyond the sum of what lives, as glibc's heap does for smaller
    blocks: a little block that stays behind each large one (a loss kept as a tensor at every step; keep `loss.item()`)
    parts the free memory into pieces that are too small. `ctypes.CDLL(None).malloc_trim(0)` gives back, once, what is
    free. In other threads than the first, blocks of 64 MiB and more are mapped as before.

    It has no effect, and says so, on other systems than Linux; with another C library (musl); where another malloc
    (jemalloc, tcmalloc, mimalloc) is in front of glibc's; and where torch brings its own (its wheels for aarch64 do).
    A malloc is in front if the process' `posix_memalign`, from which torch takes tensors, is not in glibc's file.
    `LD_PRELOAD` or the list of loaded files would not tell: a library may be named and not found, or loaded for itself.

    Args:
        process: what is looked at and set; the running process if left out.

    Example:
        >>> class Alpine(Process):
        ...     platform = "linux"
        ...
        ...     def glibc(self):
        ...         return None
        >>> print(tune_allocator(Alpine()))
        The allocator was not tuned: the C library is not glibc (musl?), the only one whose mallopt does this.

    Source: mallopt(3); `sysmalloc`, `heap_trim` and `do_set_mmap_threshold` in malloc/malloc.c and arena.c of glibc.
    """
    again, settings = process.tuned, []
    libc = process.glibc() if process.platform == "linux" else None
    cause, reason = _obstacle(process, libc)
    if not cause:
        settings = [(name, value) for name, number, value in SETTINGS if process.mallopt(number, value)]
        if refused := [name for name, _, _ in SETTINGS if name not in dict(settings)]:
            cause, reason = "refused", f"glibc {libc} did not take {', '.join(refused)}"
        process.tuned = True
    return AllocatorTuning(not cause, libc and f"glibc {libc}", tuple(settings), cause, reason, again)


def _obstacle(process: Process, libc: str | None) -> tuple[Cause, str]:
    """Return what stands against tuning, and the same in words; two empty strings where nothing does."""
    if process.platform != "linux":
        return "platform", f"this is {process.platform}, and only Linux with glibc has the options"
    if libc is None:
        return "libc", "the C library is not glibc (musl?), the only one whose mallopt does this"
    malloc = process.file_of("posix_memalign")
    if malloc != process.file_of("gnu_get_libc_version"):
        return "malloc", f"another malloc is in front of glibc's ({malloc}), which has options of its own"
    if inside := process.allocator_in_torch():
        return "torch", f"this build of torch takes tensors from its own {inside}, not from glibc"
    return "", ""
