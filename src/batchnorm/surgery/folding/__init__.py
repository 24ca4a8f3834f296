"""How does batch norm go into the weights of a model's other layers, and out of them again?"""

from ._carry_out import NOT_FINITE as NOT_FINITE
from ._fold import fold as fold
from ._keep import check_not_dropped as check_not_dropped
from ._keep import drop_originals as drop_originals
from ._make_plan import make_plan as make_plan
from ._options import FoldOptions as FoldOptions
from ._plan import Plan as Plan
from ._restore import check_kinds as check_kinds
from ._restore import restore_fold as restore_fold
from ._restore import take_dtypes as take_dtypes
from ._state import fold_state as fold_state
from ._state import is_folded as is_folded
from ._state_form import is_of_kind as is_of_kind
from ._structure import difference as difference
from ._structure import structure_of as structure_of
from ._trained import check_untrained as check_untrained
from ._unfold import unfold as unfold
from ._unfolded_tensors import unfolded_tensors as unfolded_tensors
from ._wiring_record import wiring_record as wiring_record
