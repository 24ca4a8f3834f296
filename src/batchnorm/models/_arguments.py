"""Can a net of these arguments be built? Asked before the first layer is made."""

from ..errors import InputError, did_you_mean


def check_at_least(minimum: int, reason: str = "", **arguments: object) -> None:
    """Raise `InputError` for the first argument that is not an integer of at least `minimum`.

    Args:
        minimum: the smallest value that the net can take.
        reason: why it cannot take a smaller one, and what to do.
        arguments: the values under their names.

    Example:
        >>> check_at_least(4, "Enlarge the images.", image_size=3)
        Traceback (most recent call last):
        batchnorm.errors.InputError: image_size: expected an integer of at least 4, got 3. Enlarge the images.
    """
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            expected = f"an integer of at least {minimum}"
            raise InputError(argument=name, expected=expected, got=repr(value), cure=reason)


def check_one_of(argument: str, value: object, known: tuple[str, ...], advice: str = "") -> None:
    """Raise `InputError` unless `value` is one of the known names.

    Example:
        >>> check_one_of("norm_place", "befor", ("before", "after"))
        Traceback (most recent call last):
        batchnorm.errors.InputError: norm_place: expected one of before, after, got 'befor'. Did you mean 'before'?
    """
    if value not in known:
        raise InputError(
            argument=argument,
            expected=f"one of {', '.join(known)}",
            got=repr(value),
            cure=f"{did_you_mean(str(value), known)} {advice}",
        )
