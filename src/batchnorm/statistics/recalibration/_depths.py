"""In which order are norms settled: how deep is each, and which depend on themselves?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """Norms that can be settled together, for all that they depend on is settled before.

    `loops`: one of them reads, through others or directly, from its own output (it is called several times in a
    forward), so that its statistics are a fixed point and take more than one round.
    """

    depth: int
    norms: tuple[int, ...]
    loops: bool


def by_depth(upstream: Sequence[int], called: Iterable[int]) -> list[Level]:
    """Level after level: a norm is 1 deeper than the deepest norm that it reads from.

    Args:
        upstream: for each norm the set of those that it reads from, one bit each.
        called: the norms that are to be placed.

    Example:
        >>> by_depth([0b000, 0b001, 0b001], range(3))
        [Level(depth=1, norms=(0,), loops=False), Level(depth=2, norms=(1, 2), loops=False)]
    """
    called = [*called]
    reach = _closure(upstream)
    depths: dict[int, int] = {}
    # Whoever is upstream of a norm has fewer norms upstream, or, if it is so of itself, perhaps as many.
    for norm in sorted(called, key=lambda norm: (reach[norm].bit_count(), not reach[norm] >> norm & 1)):
        loop = {other for other in called if reach[norm] >> other & 1 and reach[other] >> norm & 1} | {norm}
        above = {other for member in loop for other in called if reach[member] >> other & 1} - loop
        depths[norm] = 1 + max((depths[other] for other in above), default=0)
    return [
        Level(
            depth,
            tuple(norm for norm in called if depths[norm] == depth),
            loops=any(depths[norm] == depth and reach[norm] >> norm & 1 for norm in called),
        )
        for depth in sorted(set(depths.values()))
    ]


def in_order(order: Sequence[int], called: Iterable[int]) -> list[Level]:
    """One norm after the other, as they are called first: what is right whatever reads from whatever.

    Example:
        >>> [level.norms for level in in_order([2, 0, 2], [0, 2])]
        [(2,), (0,)]
    """
    called = [*called]
    first = [norm for norm in dict.fromkeys((*order, *called)) if norm in called]
    return [Level(depth, (norm,), loops=order.count(norm) > 1) for depth, norm in enumerate(first, 1)]


def _closure(upstream: Sequence[int]) -> list[int]:
    """All that each norm depends on, by any way."""
    reach = [*upstream]
    for middle in range(len(reach)):
        through = reach[middle]
        for norm, found in enumerate(reach):
            if found >> middle & 1:
                reach[norm] = found | through
    return reach
