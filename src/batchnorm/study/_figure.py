"""What does a claim's figure show?"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["dots", "curves", "axis", "heatmap", "layers", "ridges"]


@dataclass(frozen=True)
class Figure:
    """A figure as data; `batchnorm.report` draws it.

    ==========  ========================================================================================================
    kind        what is drawn
    ==========  ========================================================================================================
    "dots"      `value` by arm: a dot for each seed, and the mean's interval
    "curves"    the series `value` over the series `x`: a line for each arm, and a band over the seeds
    "axis"      `value` over the arms' option `x`, a colour for each value of the option `group`
    "heatmap"   `value` over the arms' options `x` and `y`, a panel for each value of the option `group`
    "layers"    the series `value` by layer: a line for each arm
    "ridges"    the series `value`, of quantiles (5, 25, 50, 75, 95 %) at each time of the series `x`: a panel by arm
    ==========  ========================================================================================================

    Args:
        kind: see the table.
        value: the name of a value or series of `Measured`.
        x: as the table says.
        y: likewise.
        group: likewise.
        arms: names of the only arms that are shown; None: all that have what is shown.
        title: one line that says what is to be seen.
        x_title: with the unit.
        y_title: with the unit.
        log_x: whether the axis is logarithmic.
        log_y: likewise.

    Example:
        >>> Figure("axis", "accuracy", x="lr", group="norm", log_x=True, y_title="test accuracy (%)").kind
        'axis'
    """

    kind: Kind
    value: str
    x: str | None = None
    y: str | None = None
    group: str | None = None
    arms: tuple[str, ...] | None = None
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    log_x: bool = False
    log_y: bool = False
