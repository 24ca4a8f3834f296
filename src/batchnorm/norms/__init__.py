"""Find the batch norm layers of a model, what they normalize, and whether training updates their statistics."""

from ._bare import keep_out_of_copies as keep_out_of_copies
from ._blending import blend_of as blend_of
from ._chosen import FOLDS as FOLDS
from ._chosen import Chosen as Chosen
from ._chosen import Filter as Filter
from ._chosen import check_keeps_statistics as check_keeps_statistics
from ._chosen import check_together as check_together
from ._chosen import choose as choose
from ._chosen import select as select
from ._find import Norm as Norm
from ._find import check_called as check_called
from ._find import check_usable as check_usable
from ._find import find_norms as find_norms
from ._find import forward_of as forward_of
from ._find import is_norm as is_norm
from ._find import is_stock as is_stock
from ._find import without_statistics as without_statistics
from ._forwards import run_alone as run_alone
from ._frozen import Frozen as Frozen
from ._frozen import asked_of as asked_of
from ._frozen import has_own_train as has_own_train
from ._frozen import hold_statistics as hold_statistics
from ._frozen import is_frozen as is_frozen
from ._frozen import keep_statistics as keep_statistics
from ._frozen import let_statistics_go as let_statistics_go
from ._frozen import put_into as put_into
from ._habits import Habits as Habits
from ._habits import habits_of as habits_of
from ._held_parameters import held_parameters as held_parameters
from ._held_parameters import own_parameters as own_parameters
from ._held_parameters import remember_held as remember_held
from ._hooks import after_call as after_call
from ._hooks import before_call as before_call
from ._hooks import has_hooks as has_hooks
from ._normalizers import BY_OPERATOR as BY_OPERATOR
from ._normalizers import OPERATORS as OPERATORS
from ._normalizers import Normalizers as Normalizers
from ._policies import as_checkpoint_safe_as_now as as_checkpoint_safe_as_now
from ._policies import blend as blend
from ._policies import lay as lay
from ._policies import lift as lift
from ._policies import set_checkpoint_safe as set_checkpoint_safe
from ._policies import unblend as unblend
from ._still import moves_alone as moves_alone
from ._valid import valid_places as valid_places

__all__ = [
    "Habits",
    "Norm",
    "find_norms",
    "habits_of",
    "is_frozen",
    "is_norm",
    "without_statistics",
]


def __dir__() -> list[str]:
    return __all__


for _held in (Frozen, keep_statistics, before_call, after_call):
    _held.__module__ = __name__  # where a pickle looks for what stands in a frozen norm, or hangs on one
