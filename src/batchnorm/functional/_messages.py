"""What do processes that normalize one batch send each other, and what if they are not at the same place?

A message begins with a part of one size for every norm and both directions, which says where its sender is. The rest,
of a norm with many channels, is sent once all are known to be at the same place: of unequal sizes gloo would take the
shorter for the longer on one process, and abort another.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import RefusedError
from ..ranks import RankError, said_by_torch

FORWARD, BACKWARD = float(0x5B0F), float(0x5B0B)
"""Where in a norm a process is; no number that a message of others would begin with."""
_WAYS = {FORWARD: "forward", BACKWARD: "backward"}
COULD, WANTS, CANNOT = 0, 1, 2
"""Whether a process takes part in a backward: if another one asks for it, in any case, or not at all."""

_CHANNELS = 512
"""Up to so many a norm sends one message: 8 KiB, which take no longer than 1 KiB."""


class Place(NamedTuple):
    """Where a process is: in which norm, by the order of first calls, of how many channels, which way, and how."""

    way: float
    number: float
    channels: float
    stance: float = COULD


_FIRST = len(Place._fields) + 1 + 2 * _CHANNELS
"""Numbers in the first part: the place, a count, and by channel two each."""


def exchange(values: Tensor, place: Place, group: dist.ProcessGroup) -> tuple[Tensor, list[Place]]:
    """Every process's vector of float64, a row for each rank, and where they are.

    Raises:
        RankError: a process does not come, or is somewhere else.
    """
    head = torch.tensor(place, dtype=torch.float64, device=values.device)
    room = _FIRST - len(place)
    first, rest = values[:room], values[room:]
    rows = _all(torch.cat([head, first, first.new_zeros(room - len(first))]), place, group)
    places = [Place(*row) for row in rows[:, : len(place)].tolist()]
    _check(places, group)
    found = rows[:, len(place) : len(place) + len(first)]
    return (torch.cat([found, _all(rest, place, group)], 1) if len(rest) else found), places


def _all(sent: Tensor, place: Place, group: dist.ProcessGroup) -> Tensor:
    rows = sent.new_empty(group.size(), len(sent))
    try:
        dist.all_gather(list(rows.unbind()), sent, group=group)
    except RuntimeError as error:
        raise _lost(error, sent, place, group) from error
    return rows


def _lost(error: RuntimeError, sent: Tensor, place: Place, group: dist.ProcessGroup) -> RefusedError:
    config = dist.get_backend_config(group)
    if sent.device.type not in config:
        return RefusedError(
            verb="batch_norm",
            argument="moments",
            expected=f"a process group that takes tensors on {sent.device.type}, where x is",
            got=f"one of {config}",
            cure="Move the model and x to its device, or make a group of gloo, which takes tensors on a CPU.",
        )
    or_else = ", or its loss does not depend on the norm's output" if place.way == BACKWARD else ""
    return RankError(
        "a process with which this one normalizes a batch cannot be reached: it has died, or has not come to the same "
        f"norm in time{or_else} (torch: {said_by_torch(error)}). The process group cannot be used any more",
        verb="batch_norm",
        cure="Start all processes again. How long they wait is the timeout of torch.distributed.init_process_group.",
    )


def _check(places: Sequence[Place], group: dist.ProcessGroup) -> None:
    """Refuse, in all processes alike, that they are at different places, or that some would wait for others for ever.

    Raises:
        RankError: the message says where each of them is.
    """
    if any(place[:3] != places[0][:3] for place in places):
        raise RankError(
            f"the processes are not in the same synchronized norm: {_told(places, group, _where)}",
            verb="batch_norm",
            cure="All of a group must call the same norms in the same order, and go back through them alike; the norms "
            "are counted by their first calls in training.",
        )
    stances = {place.stance for place in places}
    if WANTS in stances and CANNOT in stances:
        raise RankError(
            "a backward through a synchronized norm needs all processes, and some cannot take part in it: "
            f"{_told(places, group, _how)}",
            verb="batch_norm",
            cure="Call the norm with gradients enabled in all of them, or in none (torch.no_grad); compiled code must "
            "be given an x that requires a gradient in all or in none.",
        )


def _told(places: Sequence[Place], group: dist.ProcessGroup, words: Callable[[Place], str]) -> str:
    ranks: dict[str, list[int]] = {}
    for rank, place in zip(dist.get_process_group_ranks(group), places, strict=True):
        ranks.setdefault(words(place), []).append(rank)
    return "; ".join(f"{_named(of)} {said}" for said, of in ranks.items())


def _named(ranks: list[int]) -> str:
    return f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {', '.join(map(str, ranks))}"


def _where(place: Place) -> str:
    if place.way not in _WAYS:
        return "in no norm, but sends something else by the same process group"
    way = _WAYS[place.way]
    return f"in norm {place.number:.0f} ({place.channels:.0f} channels, {way})"


def _how(place: Place) -> str:
    return ("can go back through it", "will go back through it", "runs without gradients")[int(place.stance)]
