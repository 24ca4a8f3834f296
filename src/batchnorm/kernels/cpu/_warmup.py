"""Which kernels are there, and how are all of them made ready?"""

from collections.abc import Callable

from ._compiler import Kernel, address_of
from ._layout import DTYPES

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
        found += [Kernel("pool_rows", make, dtype) for make in ("forward", "backward")]
        found += [Kernel("pool_columns", make, dtype) for make in ("forward", *_BACK)]
    return tuple(found)


def warmup(report: Callable[[int, int, str], None] | None = None) -> int:
    """Compile, or load, every kernel; return how many there are.

    Args:
        report: called before each with the number of those done, the number of all, and its name.

    Raises:
        RuntimeError: Numba is not installed.
    """
    kernels = all_kernels()
    for done, kernel in enumerate(kernels):
        if report:
            report(done, len(kernels), str(kernel))
        address_of(kernel)
    return len(kernels)
