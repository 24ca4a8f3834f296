"""What several processes that work on one thing tell each other, and how they end together if one of them fails."""

from ._agreement import all_equal as all_equal
from ._agreement import all_hold as all_hold
from ._exchange import exchange as exchange
from ._ranks import RankError as RankError
from ._ranks import Ranks as Ranks

__all__ = [
    "RankError",
    "Ranks",
    "all_equal",
    "all_hold",
    "exchange",
]


def __dir__() -> list[str]:
    return __all__
