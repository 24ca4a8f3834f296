"""How is machine code kept in the user's cache folder, and how is it loaded from there?

A file holds one kernel: a line with its symbol and a digest, then the object code. The digest is one of the names of
folder and file, of the symbol and of the code, for code that is called with the arguments of another kernel ends the
process. What was cut short, changed or put into another's place is not loaded, and neither is what cannot be linked: it
is compiled anew and the file replaced. The folder's name holds all that the code depends on. llvmlite loads a file in
milliseconds, without Numba.
"""

import ctypes
import hashlib
import json
import os
import platform
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import atomic_write, cache_folder

_KEPT: list[Any] = []  # they own the code that was loaded
_NUMBERS = count()

HARMLESS = frozenset(
    f"NUMBA_{name}"
    for name in (
        *("CACHE_DIR", "CACHE_LOCATOR_CLASSES", "DISABLE_JIT", "DISABLE_PERFORMANCE_WARNINGS"),
        *("NUM_THREADS", "THREADING_LAYER", "THREADING_LAYER_PRIORITY", "LOOP_VECTORIZE", "SLP_VECTORIZE"),
    )
)
"""Environment variables of Numba's that change no kernel."""


def folder() -> Path | None:
    """Where the code for this machine, these versions and these sources is kept; None without a home folder."""
    try:
        return cache_folder() / "kernels" / fingerprint()
    except InputError:
        return None


@cache
def fingerprint() -> str:
    """What the code depends on, as 16 characters."""
    from llvmlite import binding

    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in (*sorted((here / "jit").glob("*.py")), here / "_numba.py", here / "_objects.py"):
        digest.update(path.read_bytes())
    settings = {name: text for name, text in os.environ.items() if name.startswith("NUMBA_") and name not in HARMLESS}
    processor = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    system = (binding.get_process_triple(), sys.implementation.cache_tag)
    versions = (version("numba"), version("llvmlite"))
    digest.update(json.dumps([versions, system, processor, sorted(settings.items())]).encode())
    return digest.hexdigest()[:16]


def save(path: Path, symbol: str, code: bytes) -> None:
    """Keep a kernel's code, if the folder can be written."""
    with suppress(OSError):  # a read-only or full home: the next process compiles again
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(f"{symbol} {_digest(path, symbol, code)}\n".encode() + code)


def load(path: Path) -> int | None:
    """The address of the code in a file; None if it is not there, not whole, another's, or cannot be linked."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:  # a pipe would be waited for
            return None
        head, _, code = path.read_bytes().partition(b"\n")
        symbol, digest = head.decode().split()
    except (OSError, ValueError):
        return None
    return link(symbol, code) if _digest(path, symbol, code) == digest else None


MOST_BYTES = 2**24
"""Of a kernel's file; they have some ten thousand."""


def _digest(path: Path, symbol: str, code: bytes) -> str:
    names = json.dumps([path.parent.name, path.name, symbol])
    return hashlib.sha256(names.encode() + code).hexdigest()


def link(symbol: str, code: bytes) -> int | None:
    """Bring object code into this process; return the symbol's address, or None if that does not go."""
    from llvmlite import binding

    library = binding.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(symbol)
    for name in UNREACHABLE:
        library.import_symbol(name, _abort())
    try:
        linked = library.link(_linker(), f"kernel {next(_NUMBERS)}")  # a name is used up even when this fails
    except RuntimeError:
        return None
    _KEPT.append(linked)
    return int(linked[symbol]) or None


UNREACHABLE = (
    *("NRT_Free", "numba_do_raise", "numba_gil_ensure", "numba_gil_release"),
    *("numba_runtime_build_excinfo_struct", "numba_unpickle"),
)
"""What a kernel calls when a Python exception leaves it. None ever does, and Numba, whose functions these are, need
not be there; but a `range` whose step is no constant could raise for all that a compiler can know."""


@cache
def _abort() -> int:
    return int(ctypes.cast(ctypes.pythonapi.abort, ctypes.c_void_p).value or 0)


@cache
def _linker() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    # On ARM the older of LLVM's two linkers may put code and data too far apart, on Windows the newer is unfinished.
    return binding.create_lljit_compiler(use_jit_link=platform.system() != "Windows", suppress_errors=True)
