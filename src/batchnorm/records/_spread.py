"""How sure is a time that was measured, in words?"""

from ..tables import milliseconds

WIDE = 0.25
"""Of the median: where the quartiles are farther apart, the calls took unequally long."""

Quartiles = tuple[float, float]
"""The milliseconds that a quarter of the calls, and three quarters of them, stayed below."""


def quartiles_text(quartiles: Quartiles) -> str:
    """Return the quartiles as they stand behind a median.

    Example:
        >>> quartiles_text((1.2345, 1.31))
        '1.23 … 1.31'
    """
    lower, upper = quartiles
    return f"{milliseconds(lower)} … {milliseconds(upper)}"


def why_rough(times: list[tuple[float, Quartiles]], load: float | None, cpus: int | None) -> str | None:
    """Return why milliseconds are only rough, if they are.

    Args:
        times: medians, each with its quartiles.
        load: how many processes wanted to run, on average, before the clock ran; `None` where nobody knows.
        cpus: how many could.

    Example:
        >>> why_rough([(1.0, (0.9, 1.1))], load=0.5, cpus=2)
        >>> why_rough([(1.0, (0.9, 1.1))], load=3.25, cpus=2)
        'the machine was busy (load 3.2 on 2 CPUs): take the milliseconds for rough ones'
        >>> why_rough([(1.0, (0.9, 1.4))], load=None, cpus=2)
        'the calls took unequally long (quartiles 0.900 … 1.40): take the milliseconds for rough ones'
    """
    advice = "take the milliseconds for rough ones"
    if load is not None and cpus is not None and load > cpus:
        return f"the machine was busy (load {load:.1f} on {cpus} {'CPU' if cpus == 1 else 'CPUs'}): {advice}"
    for median, quartiles in times:
        if quartiles[1] - quartiles[0] > WIDE * median:
            return f"the calls took unequally long (quartiles {quartiles_text(quartiles)}): {advice}"
    return None
