"""How long does a batch take in each of several nets, under the same conditions?"""

import os
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..records import Timing

TIMED_CALLS = 15
_WARMUP = 3


def times_in_turn(nets: Sequence[nn.Module], inputs: tuple[Tensor, ...], calls: int = TIMED_CALLS) -> list[Timing]:
    """Return the median milliseconds of a call of each net with their quartiles, called in the order A B A B.

    Args:
        nets: in evaluation mode, all on the device of the inputs.
        inputs: the arguments of a call.
        calls: that count, of each; a few before them compile and touch memory.

    Example:
        >>> len(times_in_turn([nn.Identity(), nn.ReLU()], (torch.zeros(2),)))
        2
    """
    from ..bench import Arm, time_in_turn

    def call(net: nn.Module, _: None) -> None:
        with torch.no_grad():
            net(*inputs)
        _finish(inputs)

    arms = {str(number): Arm(partial(call, net)) for number, net in enumerate(nets)}
    return [*time_in_turn(arms, rounds=calls, warmup=_WARMUP, sweep=lambda: None).values()]


def load_and_cpus() -> tuple[float | None, int]:
    """Return how many processes of the machine wanted to run in the last minute, on average, and how many can.

    To be asked before the clock runs, so that what is timed is not counted.
    """
    from ..bench import machine_load

    return machine_load(), os.cpu_count() or 1


def _finish(inputs: tuple[Tensor, ...]) -> None:
    """Wait for a GPU, which takes orders and answers later."""
    for device in {tensor.device for tensor in inputs if tensor.device.type == "cuda"}:
        torch.cuda.synchronize(device)
