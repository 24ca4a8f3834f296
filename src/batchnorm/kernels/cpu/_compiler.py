"""Where does a kernel's machine code come from? From this process, from the cache in the user's folder, or from Numba.

Numba compiles a kernel once per machine; its object code is kept as a file. A file that is whole is loaded by
llvmlite alone, which takes milliseconds and does not import Numba. Its name holds the kernel's, its folder's name all
that the code depends on: the sources, the versions, the processor. It begins with a digest of the rest: what was
cut short or changed is compiled anew. Where nothing can be written, every process compiles for itself.
"""

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import InputError
from ...files import atomic_write, cache_folder

_ADDRESSES: dict["Kernel", int] = {}
_KEPT: list[Any] = []  # engines and Numba's functions, which own the code
_LOCK = threading.RLock()
_PATIENCE = 2.0  # seconds


@dataclass
class _Clock:
    """How long this process has compiled, and whether it has said so."""

    seconds: float = 0.0
    told: bool = False


_CLOCK = _Clock()


class Kernel(NamedTuple):
    """Which kernel: the function `make` of the file `room` in `jit`, called with a dtype and the options.

    `dtype` is float32, float64 or bfloat16; a pool's kernels take no options.
    """

    room: str
    make: str
    dtype: str
    options: tuple[str | bool, ...] = ()

    def __str__(self) -> str:
        words = (self.room, self.make, self.dtype, *(str(option).lower() for option in self.options))
        return "-".join(words)


_INSTALLED = find_spec("numba") is not None and find_spec("llvmlite") is not None


def available() -> bool:
    """Whether Numba and llvmlite are installed."""
    return _INSTALLED


def address_of(kernel: Kernel) -> int:
    """The address of a kernel's code, compiled at the first call.

    Raises:
        RuntimeError: Numba cannot be imported.
    """
    address = _ADDRESSES.get(kernel)
    if address is not None:
        return address
    with _LOCK:
        if kernel not in _ADDRESSES:
            path = _path(kernel)
            found = None if path is None else _load(path)
            _ADDRESSES[kernel] = _compile(kernel, path) if found is None else found
        return _ADDRESSES[kernel]


def folder() -> Path | None:
    """Where the code for this machine, these versions and these sources is kept; None without a home folder."""
    try:
        return cache_folder() / "kernels" / _fingerprint()
    except InputError:
        return None


def _path(kernel: Kernel) -> Path | None:
    place = folder()
    return None if place is None else place / f"{kernel}.o"


@cache
def _fingerprint() -> str:
    from llvmlite import binding

    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "jit").glob("*.py")):
        digest.update(path.read_bytes())
    settings = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
    machine = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    digest.update(json.dumps([version("numba"), version("llvmlite"), machine, sorted(settings.items())]).encode())
    return digest.hexdigest()[:16]


def _load(path: Path) -> int | None:
    """The address of the code in a file of the cache; None if it is not there or not whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, _, code = data.partition(b"\n")
    try:
        symbol, digest = head.decode().split()
    except ValueError:
        return None
    if hashlib.sha256(code).hexdigest() != digest:
        return None
    from llvmlite import binding

    engine = _new_engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _KEPT.append(engine)
    return int(engine.get_function_address(symbol))


def _new_engine() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


def _compile(kernel: Kernel, path: Path | None) -> int:
    if not available():
        raise RuntimeError(
            "the kernels need numba, which is not installed. Install it (pip install numba), or take route='native'."
        )
    _say_why(path)
    start = time.perf_counter()
    function = _function(kernel)
    _KEPT.append(function)
    _CLOCK.seconds += time.perf_counter() - start
    if path is not None:
        _save(path, function._wrapper_name, function._library._get_compiled_object())
    return int(function.address)


def _function(kernel: Kernel) -> Any:
    """Numba's function, compiled."""
    import numpy as np

    make: Callable[..., Any] = getattr(import_module(f"{__package__}.jit.{kernel.room}"), kernel.make)
    storage = {"float32": np.float32, "float64": np.float64, "bfloat16": np.uint16}[kernel.dtype]
    number = np.float64 if kernel.dtype == "float64" else np.float32
    return make(storage, number, *kernel.options)


def _save(path: Path, symbol: str, code: bytes) -> None:
    with suppress(OSError):  # a read-only or full home: the next process compiles again
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(f"{symbol} {hashlib.sha256(code).hexdigest()}\n".encode() + code)


def _say_why(path: Path | None) -> None:
    """Once, if the compiling of a process has taken more than two seconds and goes on."""
    if _CLOCK.seconds > _PATIENCE and not _CLOCK.told:
        _CLOCK.told = True
        where = f"kept in {path.parent}" if path else "not kept: there is no home folder"
        print(f"batchnorm: compiling CPU kernels for the first time ({where})", file=sys.stderr)  # noqa: T201
