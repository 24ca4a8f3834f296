"""Where do a kernel's arguments lie? Every kernel takes one array of 64-bit integers; this names its places.

Addresses are in bytes, strides and sizes in elements, `EPS` and `MOMENTUM` are the bits of a float64. Both sides
import this file: the one that fills in the array, and the kernels, for which these are constants.
"""

(
    TICKET,  # the next unit of work: the one place that is written to
    UNITS,  # how many units there are
    TRAINING,  # forward: whether the moments are found here; back: whether x - center has a part in dx
    PHASE,  # which part of a way, see below
    STREAM,  # whether outputs go past the caches
    EPS,
    MOMENTUM,
    # the sizes: (N, C, L) where channels are rows, (ROWS, LANES) where they are columns, and an image's
    N,
    C,
    L,
    COUNT,  # values per channel
    GROUP,  # channels of one unit
    ROWS,
    LANES,
    TAIL,  # values behind the last whole row
    BLOCK_ROWS,
    BLOCKS,
    TILE,  # lanes of one unit
    TILES,
    HEIGHT,
    IMAGE_WIDTH,
    # the strides of what need not be dense
    X_N,
    X_C,
    # the addresses
    X,
    Y,
    DY,
    DX,
    RESIDUAL,
    DRESIDUAL,
    MASKS,
    MEAN,
    VAR,
    RUNNING_MEAN,
    RUNNING_VAR,
    WEIGHT,
    BIAS,
    DWEIGHT,
    DBIAS,
    SUM_DY,
    SUM_DY_X,
    BACK_OF_X,
    BACK_CONSTANT,
    TABLE,
    SUMS,
    PIVOTS,
    PARTIAL,
) = range(46)

PLACES = {name.lower(): place for name, place in globals().items() if name.isupper()}
"""The same by name."""

FORWARD, BACKWARD, SUMS_ALONE, DX_ALONE = range(4)
"""The phases: forward; back in one go; of the way back the sums, or dx by numbers that are given."""
