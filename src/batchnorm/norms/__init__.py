"""Find the batch norm layers of a model, what they normalize, and whether training updates their statistics."""

from ._find import Norm as Norm
from ._find import find_norms as find_norms
from ._find import forward_of as forward_of
from ._find import is_norm as is_norm
from ._find import is_stock as is_stock
from ._find import without_statistics as without_statistics
from ._habits import Habits as Habits
from ._habits import habits_of as habits_of
from ._hooks import has_hooks as has_hooks
from ._normalizers import BY_OPERATOR as BY_OPERATOR
from ._normalizers import OPERATORS as OPERATORS
from ._normalizers import Normalizers as Normalizers
from ._policies import as_checkpoint_safe_as_now as as_checkpoint_safe_as_now
from ._policies import blend as blend
from ._policies import lay as lay
from ._policies import lift as lift
from ._policies import set_checkpoint_safe as set_checkpoint_safe
from ._valid import valid_places as valid_places

__all__ = [
    "Habits",
    "Norm",
    "find_norms",
    "habits_of",
    "is_norm",
    "without_statistics",
]


def __dir__() -> list[str]:
    return __all__
