"""Can a net of these arguments be built? Asked before the first layer is made."""

from ..errors import InputError, did_you_mean


def check_at_least(minimum: int, **arguments: object) -> None:
    """Raise `InputError` for the first argument that is not an integer of at least `minimum`.

    Args:
        minimum: the smallest value that the net can take.
        arguments: the values under their names.

    Example:
        >>> check_at_least(1, width=8, depth=0)
        Traceback (most recent call last):
        batchnorm.errors.InputError: depth: expected an integer of at least 1, got 0
    """
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            expected = f"an integer of at least {minimum}"
            raise InputError(argument=name, expected=expected, got=repr(value))


def sides_of(image_size: object, minimum: int, reason: str = "") -> tuple[int, int]:
    """Return height and width of images, each of at least `minimum` pixels.

    Args:
        image_size: the side of square images, or (height, width).
        minimum: the smallest side that the net can take.
        reason: why it cannot take a smaller one, and what to do.

    Raises:
        InputError: a side is smaller, or it is no size.

    Example:
        >>> sides_of(28, 4), sides_of((96, 128), 4)
        ((28, 28), (96, 128))
        >>> sides_of((96, 3), 4)
        Traceback (most recent call last):
        batchnorm.errors.InputError: image_size: expected an integer of at least 4, or (height, width), ...
    """
    pair = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
    height, width = pair if len(pair) == 2 else (None, None)
    if type(height) is int and type(width) is int and min(height, width) >= minimum:
        return height, width
    one = f"an integer of at least {minimum}"
    expected = f"{one}, or (height, width), each {one}" if pair is image_size else one
    raise InputError(argument="image_size", expected=expected, got=repr(image_size), cure=reason)


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
