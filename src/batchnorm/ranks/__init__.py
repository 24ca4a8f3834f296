"""What several processes that work on one thing tell each other, and how they end together if one of them fails."""

from ._agreement import all_equal as all_equal
from ._agreement import all_hold as all_hold
from ._environment import Place as Place
from ._environment import place_in as place_in
from ._exchange import exchange as exchange
from ._in_turn import one_per_machine_first as one_per_machine_first
from ._join import join as join
from ._joined import Failure as Failure
from ._joined import Joined as Joined
from ._joined import joined_now as joined_now
from ._joined import told_of as told_of
from ._of_torch import said_by_torch as said_by_torch
from ._processes import on as on
from ._processes import processes as processes
from ._rank_error import INTERRUPTED as INTERRUPTED
from ._rank_error import RankError as RankError
from ._rank_error import code_of as code_of
from ._ranks import Ranks as Ranks
from ._tensors import gather_tensors as gather_tensors
from ._tensors import tensors_of_first as tensors_of_first

__all__ = [
    "INTERRUPTED",
    "Failure",
    "Joined",
    "Place",
    "RankError",
    "Ranks",
    "all_equal",
    "all_hold",
    "code_of",
    "exchange",
    "gather_tensors",
    "join",
    "joined_now",
    "on",
    "one_per_machine_first",
    "place_in",
    "processes",
    "said_by_torch",
    "tensors_of_first",
    "told_of",
]


def __dir__() -> list[str]:
    return __all__
