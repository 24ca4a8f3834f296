"""Has a training worked at all? A definition of divergence that needs no test images."""

import math
from collections.abc import Sequence

EXPLODED = 1e3
"""A loss of so many times the first one is a divergence, for those behind it rarely come back."""
LEARNT = 0.8
"""A net that has learnt anything is below this share of the loss of guessing."""
LAST = 20
"""Of so many steps at the end the mean loss is taken."""


def exploded(loss: float, first: float) -> bool:
    """Whether a loss says that the training has diverged: it is not finite, or 1,000 times the first.

    Example:
        >>> exploded(2400.0, 2.3), exploded(23.0, 2.3), exploded(float("nan"), 2.3)
        (True, False, True)

    Source: Bjorck, Gomes, Selman and Weinberger, "Understanding batch normalization", 2018, section 3.1,
    arXiv:1806.02375 (there the loss behind one step against that ahead of it).
    """
    return not loss < EXPLODED * first


def trained_at_all(losses: Sequence[float], classes: int) -> bool:
    """Whether a training worked: no loss exploded, and the last 20 are below 0.8 × ln(classes) in the mean.

    ln(classes) is the cross entropy of guessing, at which a net stays that has died without any number growing.

    Args:
        losses: of each step, the first one ahead of any update.
        classes: of the data, at least 2.

    Example:
        >>> trained_at_all([2.3] * 30 + [1.0] * 20, classes=10)
        True
        >>> trained_at_all([2.3] * 50, classes=10), trained_at_all([2.3, 9e9, 1.0], classes=10)
        (False, False)
    """
    if not losses or any(exploded(loss, losses[0]) for loss in losses):
        return False
    last = losses[-LAST:]
    return sum(last) / len(last) < LEARNT * math.log(classes)
