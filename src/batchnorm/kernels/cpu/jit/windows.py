"""Max-pool 2×2 behind ReLU: which of a window's four values is passed on, and where does its gradient go?

Windows are computed eight at a time. What the way back has to know of eight windows are four bytes, a bit a window:
whether the right one of the upper two was larger, the same of the lower two, whether the lower pair won, and whether
the winner was above 0. Among equals the first wins, and a NaN wins over all before it, as in torch's max-pool.
"""

from .lanes import both, either, full, invert, is_nan, step, where
from .masks import read_mask_of_four, write_mask
from .memory import loaded

_right_above, _right_below, _lower, _alive = (read_mask_of_four(which) for which in range(4))


@step
def _beats(one, other):
    return either(one > other, is_nan(one))


@step
def pool(t00, t01, t10, t11, masks, byte):
    """The largest of the four, ReLU of it, and the bits written."""
    right_above, right_below = _beats(t01, t00), _beats(t11, t10)
    above, below = where(right_above, t01, t00), where(right_below, t11, t10)
    lower = _beats(below, above)
    best = where(lower, below, above)
    dead = best <= full(best, 0.0)
    write_mask(masks, byte, right_above)
    write_mask(masks, byte + 1, right_below)
    write_mask(masks, byte + 2, lower)
    write_mask(masks, byte + 3, invert(dead))
    return where(dead, full(best, 0.0), best)


@step
def alive(dy, masks, byte):
    """Dy where the winner was above 0."""
    return where(_alive(masks, byte), loaded(dy), full(dy, 0.0))


@step
def winner(v00, v01, v10, v11, masks, byte):
    """Of four values of each window the one in the winner's place."""
    above = where(_right_above(masks, byte), v01, v00)
    below = where(_right_below(masks, byte), v11, v10)
    return where(_lower(masks, byte), below, above)


@step
def scatter(g, masks, byte):
    """The gradient of a window's winner in its place, 0 in the other three."""
    zero = full(g, 0.0)
    right_above, right_below, lower = _right_above(masks, byte), _right_below(masks, byte), _lower(masks, byte)
    upper = invert(lower)
    return (
        where(both(upper, invert(right_above)), g, zero),
        where(both(upper, right_above), g, zero),
        where(both(lower, invert(right_below)), g, zero),
        where(both(lower, right_below), g, zero),
    )
