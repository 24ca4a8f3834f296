"""Trace what a model does while it runs: which module produced each tensor, and which ones used it."""

from ._events import Escape as Escape
from ._events import ModuleCall as ModuleCall
from ._events import Opaque as Opaque
from ._events import Operation as Operation
from ._events import Pass as Pass
from ._events import Value as Value
from ._events import values_in as values_in
from ._follow import Arrival as Arrival
from ._follow import Followed as Followed
from ._influence import Influence as Influence
from ._influence import influences as influences
from ._movement import short_name as short_name
from ._normalizations import NUMBERS as NUMBERS
from ._normalizations import Normalization as Normalization
from ._parts import Part as Part
from ._schema import arguments as arguments
from ._trace import one_pass as one_pass
from ._trace import trace as trace
from ._trace import trace_examples as trace_examples
from ._units import NormCall as NormCall
from ._units import Product as Product
from ._units import Unit as Unit
from ._units import innermost as innermost
from ._unseen import check_repeatable as check_repeatable
from ._unseen import not_varied as not_varied
from ._wiring import Wiring as Wiring

__all__ = [
    "Arrival",
    "Escape",
    "Followed",
    "Influence",
    "ModuleCall",
    "NormCall",
    "Normalization",
    "Opaque",
    "Operation",
    "Part",
    "Pass",
    "Product",
    "Unit",
    "Value",
    "Wiring",
    "influences",
    "trace",
]


def __dir__() -> list[str]:
    return __all__
