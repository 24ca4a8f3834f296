"""The moments of every norm's input in a pass over data, measured by all processes together."""

from ._batches import Batches as Batches
from ._known_code import may_be_left as may_be_left
from ._layout import Layout as Layout
from ._measured import Distance as Distance
from ._measured import Measured as Measured
from ._measured import Statistics as Statistics
from ._measured import distance as distance
from ._passes import Pass as Pass
from ._passes import Passes as Passes
from ._question import Question as Question

__all__ = [
    "Batches",
    "Distance",
    "Layout",
    "Measured",
    "Pass",
    "Passes",
    "Question",
    "Statistics",
    "distance",
    "may_be_left",
]


def __dir__() -> list[str]:
    return __all__
