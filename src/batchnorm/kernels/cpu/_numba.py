"""How does Numba make the code of a kernel, without a trace in the user's own Numba code?"""

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple


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


class Made(NamedTuple):
    """A compiled kernel: its symbol, its object code, its address, and what must live as long as the address."""

    symbol: str
    code: bytes
    address: int
    owner: Any


SETTINGS = {
    # The kernels are made of functions that are not there when Numba is switched off, which is meant for others.
    "DISABLE_JIT": 0,
    # Vectors are written out. LLVM's vectorizer leaves those loops as they are, and takes time over the others.
    "LOOP_VECTORIZE": 0,
    "SLP_VECTORIZE": 0,
}
"""Numba's settings while a kernel is compiled."""


def make_kernel(kernel: Kernel) -> Made:
    """Compile a kernel. Ctrl-C is heard when it is done, for Numba cannot go on from where it was stopped.

    Raises:
        ImportError: Numba is broken.
    """
    if threading.current_thread() is not threading.main_thread():
        return _make(kernel)
    with ThreadPoolExecutor(1) as other:  # signals interrupt the main thread alone
        try:
            made = other.submit(_make, kernel)
        except RuntimeError:  # an interpreter that is ending starts no thread
            return _make(kernel)
        return made.result()


def _make(kernel: Kernel) -> Made:
    import numpy as np
    from numba.core.compiler_lock import global_compiler_lock

    # The user's functions wait, and are compiled by the user's settings.
    with global_compiler_lock, _own_settings(), _without_pauses():
        make: Callable[..., Any] = getattr(import_module(f"{__package__}.jit.{kernel.room}"), kernel.make)
        storage = {"float32": np.float32, "float64": np.float64, "bfloat16": np.uint16}[kernel.dtype]
        number = np.float64 if kernel.dtype == "float64" else np.float32
        function = make(storage, number, *kernel.options)
        code: bytes = function._library._get_compiled_object()
        return Made(function.native_name, code, int(function.address), function)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Let Numba work by `SETTINGS`; afterwards they are as before."""
    from numba.core import config

    before = {name: getattr(config, name) for name in SETTINGS}
    try:
        for name, value in SETTINGS.items():
            setattr(config, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Collect no garbage: a compiler makes many objects and few that are garbage; it is an eighth of its time."""
    collected = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if collected:
            gc.enable()
