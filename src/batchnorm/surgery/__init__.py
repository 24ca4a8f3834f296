"""Change a model in place, verify the result, report it, and undo it: fold batch norm, or give it another class."""

from .converting import convert as convert
from .converting import named as named
from .converting import revert as revert
from .folding import NOT_FINITE as NOT_FINITE
from .folding import FoldOptions as FoldOptions
from .folding import Plan as Plan
from .folding import check_kinds as check_kinds
from .folding import check_not_dropped as check_not_dropped
from .folding import check_untrained as check_untrained
from .folding import difference as difference
from .folding import drop_originals as drop_originals
from .folding import fold as fold
from .folding import fold_state as fold_state
from .folding import is_folded as is_folded
from .folding import is_of_kind as is_of_kind
from .folding import make_plan as make_plan
from .folding import restore_fold as restore_fold
from .folding import structure_of as structure_of
from .folding import take_dtypes as take_dtypes
from .folding import unfold as unfold
from .folding import unfolded_tensors as unfolded_tensors
from .folding import wiring_record as wiring_record

__all__ = [
    "FoldOptions",
    "convert",
    "drop_originals",
    "fold",
    "fold_state",
    "is_folded",
    "restore_fold",
    "revert",
    "unfold",
    "unfolded_tensors",
]


def __dir__() -> list[str]:
    return __all__
