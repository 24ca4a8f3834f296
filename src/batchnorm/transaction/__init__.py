"""Change a model temporarily, and restore all of it, whatever is raised."""

from ._attributes import Attributes as Attributes
from ._attributes import attributes as attributes
from ._block import block as block
from ._copy import copied as copied
from ._gradients import gradient_steps as gradient_steps
from ._held import TABLES as TABLES
from ._held import all_steps as all_steps
from ._held import module_steps as module_steps
from ._held import reach as reach
from ._objects import attribute_steps as attribute_steps
from ._original import original as original
from ._rng import RNGState as RNGState
from ._rng import generators_of as generators_of
from ._rng import rng_state as rng_state
from ._rng import same_rng as same_rng
from ._sharded import check_holds_weights as check_holds_weights
from ._staying import check_not_held as check_not_held
from ._transaction import Transaction as Transaction
from ._transaction import transaction as transaction
from ._undo import Undo as Undo
from ._verb import all_or_nothing as all_or_nothing
from ._verb import verb as verb

__all__ = [
    "RNGState",
    "Transaction",
    "all_or_nothing",
    "attributes",
    "block",
    "original",
    "rng_state",
    "same_rng",
    "transaction",
    "verb",
]


def __dir__() -> list[str]:
    return __all__
