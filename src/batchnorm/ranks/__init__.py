"""What several processes that work on one thing tell each other, and how they end together if one of them fails."""

from ._ranks import RankError as RankError
from ._ranks import Ranks as Ranks

__all__ = [
    "RankError",
    "Ranks",
]


def __dir__() -> list[str]:
    return __all__
