"""With how many decimals is a measured number told?"""

from math import floor, log10


def figures(value: float, count: int) -> str:
    """Return a number with so many figures that count, as a power of ten where it is far from 1.

    Example:
        >>> figures(0.012345, 2), figures(1234.5, 2), figures(2.5e9, 2), figures(0.0, 2)
        ('0.012', '1234', '2.5e+09', '0')
    """
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{count - 1}e}"
    return decimal(value, places(value, count))


def places(size: float, count: int) -> int:
    """Return the decimals that show so many figures of a number of that size.

    Example:
        >>> places(0.5, 2), places(50.0, 2), places(0.0, 2)
        (2, 0, 0)
    """
    return min(8, max(0, count - 1 - floor(log10(abs(size))))) if size else 0


def decimal(value: float, decimals: int) -> str:
    """Return a number with so many decimals, and no minus in front of a zero.

    Example:
        >>> decimal(-0.04, 1), decimal(2.5, 2)
        ('0.0', '2.50')
    """
    return f"{round(value, decimals) + 0.0:.{decimals}f}"
