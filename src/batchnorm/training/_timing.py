"""How long does a batch take in each of several nets, under the same conditions?"""

import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

TIMED_CALLS = 15
_WARMUP = 3


def milliseconds_in_turn(
    nets: Sequence[nn.Module], inputs: tuple[Tensor, ...], calls: int = TIMED_CALLS
) -> list[float]:
    """Return the median milliseconds of a call of each net, called in the order A B A B.

    Args:
        nets: in evaluation mode, all on the device of the inputs.
        inputs: the arguments of a call.
        calls: that count, of each; a few before them compile and touch memory.

    Example:
        >>> len(milliseconds_in_turn([nn.Identity(), nn.ReLU()], (torch.zeros(2),)))
        2
    """
    seconds: list[list[float]] = [[] for _ in nets]
    with torch.no_grad():
        for number in range(_WARMUP + calls):
            for net, mine in zip(nets, seconds, strict=True):
                start = time.perf_counter()
                net(*inputs)
                _finish(inputs)
                if number >= _WARMUP:
                    mine.append(time.perf_counter() - start)
    return [1e3 * statistics.median(mine) for mine in seconds]


def _finish(inputs: tuple[Tensor, ...]) -> None:
    """Wait for a GPU, which takes orders and answers later."""
    for device in {tensor.device for tensor in inputs if tensor.device.type == "cuda"}:
        torch.cuda.synchronize(device)
