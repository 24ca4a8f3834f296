"""What of a training is each process's own, and how does it go on with as many processes, or with others?

Each has its own random state, from which a net draws its dropout; with `bn_buffers="mean"` it has its own buffers, too.
All others are the same in all, up to buffers that the first process hands out before each step.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..ranks import Ranks, gather_tensors
from ._merged_buffers import merged_buffers

OwnState = dict[str, Any]
"""The random states of one process, and the buffers of its nets by their names."""


def own_state(nets: Mapping[str, nn.Module], device: torch.device) -> OwnState:
    """Return what is this process's own, and stays as it is when the training moves on."""
    return {
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        **{name: {key: one.detach().cpu().clone() for key, one in net.named_buffers()} for name, net in nets.items()},
    }


def states_of_others(ranks: Ranks, mine: OwnState) -> list[OwnState]:
    """Return, in every process, the state of each but the first one.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    if ranks.size == 1:
        return []
    flat = [*_tensors(mine)]
    return [_like(mine, iter(given)) for given in gather_tensors(ranks, flat)[1:]]


def go_on(
    ranks: Ranks,
    nets: Mapping[str, nn.Module],
    device: torch.device,
    first: OwnState,
    others: Sequence[OwnState],
    *,
    seed: int,
    steps: int,
) -> None:
    """Give this process its own state of a training that has done `steps`.

    As many processes as there were go on with theirs. If there are others, the first one goes on with its random state,
    each other one begins one anew, and all take the buffers that were evaluated: those of all, merged.
    """
    if len(others) + 1 == ranks.size:
        mine = [first, *others][ranks.rank]
        torch.set_rng_state(mine["rng"])
        if device.type == "cuda" and mine["cuda_rng"] is not None:
            torch.cuda.set_rng_state(mine["cuda_rng"], device)
        for name, net in nets.items():
            put_buffers(net, mine[name])
        return
    draw_apart(ranks, seed, steps)
    for name, net in nets.items():
        put_buffers(net, merged_buffers(net, [state[name] for state in (first, *others)]))


def draw_apart(ranks: Ranks, seed: int, steps: int = 0) -> None:
    """Let each process but the first draw random numbers of its own, by the seed, its rank and the steps done."""
    if not ranks.first:
        # Three keys: the images of an epoch are drawn by one, those of a step by two.
        key = (ranks.rank, steps, ranks.size)
        (state,) = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)
        torch.manual_seed(int(state) >> 1)


def put_buffers(net: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Write these numbers into the buffers of a net."""
    with torch.no_grad():
        for name, buffer in net.named_buffers():
            buffer.copy_(values[name])


def _tensors(state: OwnState) -> list[Tensor]:
    values = [one for value in state.values() for one in (value.values() if isinstance(value, dict) else [value])]
    return [value for value in values if value is not None]


def _like(state: OwnState, values: Any) -> OwnState:
    """Return a state of this form with other tensors."""
    return {
        name: {key: next(values) for key in value}
        if isinstance(value, dict)
        else value
        if value is None
        else next(values)
        for name, value in state.items()
    }
