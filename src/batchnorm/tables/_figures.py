"""How is a number written in a table?"""

NONE = "–"  # noqa: RUF001 - a dash, not a minus
"""What stands for a number that there is not."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "epoch"), counted(2000, "batch", "batches")
        ('1 epoch', '2,000 batches')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def decimals(value: float | None, places: int = 4) -> str:
    """Return a number with so many decimals, or a dash.

    Example:
        >>> decimals(0.75), decimals(None)
        ('0.7500', '–')
    """
    return NONE if value is None else f"{value:.{places}f}"


def two_digits(value: float | None) -> str:
    """Return two digits that count, as a power of ten where they are far from 1.

    Example:
        >>> [two_digits(value) for value in (0.0, 0.123, 12.3, 123.0, 1.2e-5, None)]
        ['0', '0.12', '12', '1e+02', '1e-05', '–']
    """
    if value is None:
        return NONE
    return f"{value:.0e}" if value and not 1e-3 <= value < 100 else f"{value:.2g}"


def milliseconds(value: float) -> str:
    """Return three digits that count.

    Example:
        >>> [milliseconds(value) for value in (1234.5, 99.96, 9.876, 0.01234)]
        ['1234', '100', '9.88', '0.012']
    """
    places = next((places for limit, places in ((99.95, 0), (9.995, 1), (0.9995, 2)) if value >= limit), 3)
    return f"{value:.{places}f}"


def times(ratio: float | None) -> str:
    """Return a ratio to two places, or a dash.

    Example:
        >>> times(1 / 3)
        '0.33'
    """
    return decimals(ratio, 2)


def mebibytes(count: int | None) -> str:
    """Return bytes in MiB, or a dash.

    Example:
        >>> mebibytes(3 << 19)
        '1.5'
    """
    return NONE if count is None else f"{count / 2**20:.1f}"


def shape_text(sizes: tuple[int, ...] | None) -> str:
    """Return a shape as it is typed; a dash for what has none.

    Example:
        >>> shape_text((32, 64, 112, 112)), shape_text(()), shape_text(None)
        ('32x64x112x112', 'scalar', '-')
    """
    return "-" if sizes is None else "x".join(map(str, sizes)) or "scalar"
