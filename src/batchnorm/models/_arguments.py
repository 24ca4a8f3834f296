"""Can a net of these arguments be built? Asked before the first layer is made."""

from ..errors import did_you_mean


def check_at_least(minimum: int, reason: str = "", **arguments: object) -> None:
    """Raise `ValueError` for the first argument that is no integer of at least `minimum`.

    Args:
        minimum: the smallest value that the net can take.
        reason: why it cannot take a smaller one, and what to do.
        arguments: the values under their names.

    Example:
        >>> check_at_least(4, "Enlarge the images.", image_size=3)
        Traceback (most recent call last):
        ValueError: image_size: expected an integer >= 4, got 3. Enlarge the images.
    """
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            advice = reason or f"Give {name}={minimum} or more."
            raise ValueError(f"{name}: expected an integer >= {minimum}, got {value!r}. {advice}")


def check_one_of(argument: str, value: object, known: tuple[str, ...], advice: str = "") -> None:
    """Raise `ValueError` unless `value` is one of the known names.

    Example:
        >>> check_one_of("norm_place", "befor", ("before", "after"))
        Traceback (most recent call last):
        ValueError: norm_place: expected one of before, after; got 'befor'. Did you mean 'before'?
    """
    if value not in known:
        advice = f"{did_you_mean(str(value), known)} {advice}".rstrip()
        raise ValueError(f"{argument}: expected one of {', '.join(known)}; got {value!r}.{advice}")
