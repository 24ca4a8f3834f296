"""Does a net stay as small as it has to? Asked while its layers are made, on a device that holds no numbers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)


class TooLargeError(ValueError):
    """A net has more numbers than it may have."""


@contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """Let the modules that this thread makes inside the block have so many numbers at most, all together.

    On the device `"meta"` a net costs no memory, however large it would be.

    Args:
        numbers: elements of parameters and buffers.

    Raises:
        TooLargeError: a module is given one more.

    Example:
        >>> import torch
        >>> with torch.device("meta"), at_most(1000):
        ...     net = nn.Sequential(nn.Linear(10, 10), nn.Linear(10**6, 10**6))
        Traceback (most recent call last):
        batchnorm.models._size.TooLargeError: a net of these arguments has more than the 1,000 numbers that it may have
    """
    thread, left = threading.get_ident(), [numbers]

    def count(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        if tensor is None or threading.get_ident() != thread:
            return
        left[0] -= tensor.numel()
        if left[0] < 0:
            raise TooLargeError(f"a net of these arguments has more than the {numbers:,} numbers that it may have")

    handles = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
