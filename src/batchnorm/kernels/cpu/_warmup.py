"""Which kernels are there, and how are all of them made ready?"""

from collections.abc import Callable, Iterator, Sequence

from . import _workers
from ._compiler import NOTICE, address_of, is_kept
from ._numba import Kernel
from ._work import DTYPES

ACTIVATIONS = ("identity", "relu", "relu6", "silu", "hardswish")
"""The last steps that kernels are compiled with."""

_BACK = ("sum_gradients", "merge", "differentiate")  # the way back where channels are columns


def all_kernels() -> tuple[Kernel, ...]:
    """Every kernel, those that training with ReLU in float32 needs first.

    Example:
        >>> str(all_kernels()[0])
        'columns-sum_moments-float32'
    """
    steps = [("relu", False), *((name, False) for name in ACTIVATIONS if name != "relu"), ("relu", True)]
    found = []
    for dtype in DTYPES.values():
        found += [Kernel("columns", make, dtype) for make in ("sum_moments", "prepare")]
        for step in steps:
            found += [Kernel("rows", make, dtype, step) for make in ("forward", "backward")]
            found.append(Kernel("columns", "forward", dtype, step))
            found += [Kernel("columns_backward", make, dtype, step) for make in _BACK]
        found.append(Kernel("rows", "moments_alone", dtype))
        found += [Kernel("pool_rows", make, dtype) for make in ("forward", "backward")]
        found += [Kernel("pool_columns", make, dtype) for make in ("forward", *_BACK)]
    return tuple(found)


def kept_kernels(dtypes: Sequence[str] = tuple(DTYPES.values())) -> int:
    """How many kernels of some dtypes lie in the cache folder, ready for this machine."""
    return sum(is_kept(kernel) for kernel in all_kernels() if kernel.dtype in dtypes)


USUAL = ("float32", "bfloat16")
"""The dtypes that nets are trained in."""


def warmup(report: Callable[[int, int, str], None] | None = None, dtypes: Sequence[str] = USUAL) -> int:
    """Compile, or load, every kernel of some dtypes; return how many there are.

    They are compiled in several processes, `torch.get_num_threads()` at most, where their code can be kept.

    Args:
        report: called before each with the number of those done, the number of all, and its name.
        dtypes: of x: "float32", "bfloat16", "float64".

    Raises:
        RuntimeError: Numba is not installed.
    """
    kernels = tuple(kernel for kernel in all_kernels() if kernel.dtype in dtypes)
    if report:
        NOTICE.told = True  # who shows progress need not be told why it takes so long
    for done, kernel in enumerate(_as_they_are_kept(kernels)):
        if report:
            report(done, len(kernels), str(kernel))
        address_of(kernel)
    return len(kernels)


def _as_they_are_kept(kernels: Sequence[Kernel]) -> Iterator[Kernel]:
    """All kernels: those that are kept, those that other processes compile, then those that did not work there."""
    left = dict.fromkeys(kernels)
    for kernel in filter(is_kept, kernels):
        del left[kernel]
        yield kernel
    for kernel in _workers.compiled_by_others(tuple(left)):
        del left[kernel]
        yield kernel
    yield from left
